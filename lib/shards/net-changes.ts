import { invariant } from '../error/index.ts';
import type { Relation, Row } from '../changes/index.ts';
import type { Staging, TextRow } from './staging.ts';
import { misfit, type ShardedTable } from './tables.ts';

interface Net {
  readonly table: ShardedTable;
  /** By key: the row as it is last, with holes for large values that were not touched; of a deleted one the key. */
  readonly rows: Map<string, { readonly row: TextRow; readonly isDeleted: boolean }>;
}

/** What a run of changes comes to, row by row: many changes cost the target a few statements. */
export class NetChanges {
  readonly #nets = new Map<string, Net>();

  constructor(tables: readonly ShardedTable[]) {
    for (const table of tables) this.#nets.set(table.name, { table, rows: new Map() });
  }

  put(relation: Relation, row: Row): void {
    const { table, rows } = this.#netOf(relation);
    const key = keyOf(table, row);
    const before = rows.get(key);
    const base = before && !before.isDeleted ? before.row : [];
    rows.set(key, {
      row: textRow(row).map((value, i) => (value === undefined ? base[i] : value)),
      isDeleted: false,
    });
  }

  remove(relation: Relation, old: Row): void {
    const { table, rows } = this.#netOf(relation);
    rows.set(keyOf(table, old), { row: textRow(old), isDeleted: true });
  }

  /** An update that changes the key takes the row along at once, since the large values it has not touched stay. */
  async rekey(
    staging: Staging,
    relation: Relation,
    { old, row }: { readonly old: Row; readonly row: Row },
  ): Promise<void> {
    const { table } = this.#netOf(relation);
    if (keyOf(table, old) === keyOf(table, row)) return;
    await this.apply(staging);
    await staging.rekey(table, textRow(old), textRow(row));
  }

  async apply(staging: Staging): Promise<void> {
    for (const { table, rows } of this.#nets.values()) {
      if (rows.size === 0) continue;
      const [deleted, kept] = partition([...rows.values()], ({ isDeleted }) => isDeleted);
      if (deleted.length > 0)
        await staging.remove(
          table,
          deleted.map(({ row }) => row),
        );
      const byShape = Map.groupBy(kept, ({ row }) => shapeOf(row));
      for (const [shape, same] of byShape) {
        const shown = shape.split(',').map(Number);
        const values = same.map(({ row }) => row);
        if (shown.length === table.columns.length) await staging.put(table, values);
        else await staging.patch(table, shown, values);
      }
      rows.clear();
    }
  }

  #netOf({ name, columns }: Relation): Net {
    const net = this.#nets.get(name);
    invariant(net, `${name} is published`);
    const isSame =
      columns.length === net.table.columns.length &&
      columns.every((column, i) => column.name === net.table.columns[i].name);
    if (!isSame) throw misfit(`${name} was changed meanwhile`);
    return net;
  }
}

function keyOf({ key, columns }: ShardedTable, row: Row): string {
  return key.map((name) => String(row[columns.findIndex((column) => column.name === name)])).join('\0');
}

/** The feed of a move is read as text. */
function textRow(row: Row): TextRow {
  return row as TextRow;
}

function shapeOf(row: TextRow): string {
  return [...row.keys()].filter((i) => row[i] !== undefined).join(',');
}

function partition<Item>(items: readonly Item[], test: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
