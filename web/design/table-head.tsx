interface TableHeadProps {
  readonly columns: readonly { readonly name: string; readonly isNumber?: boolean }[];
  /** What the last column holds, when it has buttons: only screen readers are told. */
  readonly actions?: string;
}

/** The row of names above a table. */
export function TableHead({ columns, actions }: TableHeadProps) {
  return (
    <thead>
      <tr>
        {columns.map(({ name, isNumber }) => (
          <th key={name} scope="col" className={isNumber ? 'number' : undefined}>
            {name}
          </th>
        ))}
        {actions !== undefined && (
          <th scope="col">
            <span className="visually-hidden">{actions}</span>
          </th>
        )}
      </tr>
    </thead>
  );
}
