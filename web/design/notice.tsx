import type { ReactNode } from 'react';

interface NoticeProps {
  readonly title: string;
  readonly text: string;
  readonly mark?: string;
  readonly testId?: string;
  /** The next steps. */
  readonly children?: ReactNode;
}

/** One thing to say in the middle of a page, with what to do about it. */
export function Notice({ title, text, mark, testId, children }: NoticeProps) {
  return (
    <section className="notice" data-testid={testId}>
      {mark !== undefined && (
        <p className="notice-mark" aria-hidden="true">
          {mark}
        </p>
      )}
      <h1>{title}</h1>
      <p>{text}</p>
      <div className="actions">{children}</div>
    </section>
  );
}
