import { useId, useState, type ReactNode } from 'react';
import { ApiError } from '@gala/sdk/room';
import { useExplain, useModerateWords } from './moderate-words.tsx';

interface SectionProps {
  readonly title: string;
  readonly text?: string;
  /** The last reading failed; what is shown is from before. */
  readonly error?: ApiError | undefined;
  /** The last change failed. */
  readonly failed: string;
  readonly testId: string;
  readonly children: ReactNode;
}

export function Section({ title, text, error, failed, testId, children }: SectionProps) {
  const say = useModerateWords();
  const explain = useExplain();
  const id = useId();
  return (
    <section className="card moderate-section" aria-labelledby={id} data-testid={testId}>
      <h2 id={id}>{title}</h2>
      {text !== undefined && <p className="hint">{text}</p>}
      {error && (
        <p className="banner" role="status">
          {say('stale', { cause: explain(error) })}
        </p>
      )}
      {children}
      {failed !== '' && (
        <p className="form-error" role="alert">
          {failed}
        </p>
      )}
    </section>
  );
}

/** Runs a change, says why it failed, and reads anew afterwards. */
export function useChange(
  refresh: () => void,
): [failed: string, run: (change: () => Promise<unknown>) => void] {
  const explain = useExplain();
  const [failed, setFailed] = useState('');
  const run = (change: () => Promise<unknown>): void => {
    setFailed('');
    change()
      .catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        setFailed(explain(error));
      })
      .finally(refresh);
  };
  return [failed, run];
}
