import { Fragment, type ReactNode } from 'react';

/** How the operator makes a host who can sign in to these pages. */
export const createHostCommand = 'gala host create <name> --password-file <file>';

/** Puts a command in place of `{command}`; it wraps between its words only. */
export function withCode(text: string, command: string): ReactNode {
  const [before, after] = text.split('{command}');
  return (
    <>
      {before}
      <code>
        {command.split(' ').map((word, index) => (
          <Fragment key={word}>
            {index > 0 && ' '}
            <span>{word}</span>
          </Fragment>
        ))}
      </code>
      {after}
    </>
  );
}
