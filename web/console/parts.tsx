import type { ApiError } from '@gala/sdk/room';
import { Notice } from '../design/notice.tsx';
import { useWords } from '../shell/words.tsx';
import { useConsoleWords } from './words.tsx';

/** Names with their values, the values large. */
export function Figures({ figures }: { readonly figures: readonly (readonly [string, string])[] }) {
  return (
    <dl className="figures">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Stale({ cause }: { readonly cause: string }) {
  const say = useConsoleWords();
  return (
    <p className="banner" role="status">
      {say('stale', { cause })}
    </p>
  );
}

/** What did not answer is said: a list that is short for that reason looks like a calm evening. */
export function Unreachable({ processes }: { readonly processes: readonly string[] }) {
  const say = useConsoleWords();
  if (processes.length === 0) return null;
  return (
    <p className="banner" role="status" data-testid="unreachable">
      {say('unreachable', { processes: processes.join(', ') })}
    </p>
  );
}

interface LoadFailedProps {
  readonly error: ApiError | undefined;
  readonly explain: (error: ApiError) => string;
  readonly onRetry: () => void;
}

/** Nothing is there yet: the first answer is waited for, or it failed. */
export function LoadFailed({ error, explain, onRetry }: LoadFailedProps) {
  const say = useConsoleWords();
  if (!error) {
    return (
      <p className="hint page-wait" role="status">
        {say('loading')}
      </p>
    );
  }
  return (
    <Notice title={say('title')} text={explain(error)} testId="console-failed">
      <button className="button primary" onClick={onRetry}>
        {say('retry')}
      </button>
    </Notice>
  );
}

export function When({ timeMs }: { readonly timeMs: number }) {
  const { language } = useWords();
  const time = new Date(timeMs);
  const format = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, {
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  return (
    <time dateTime={time.toISOString()} title={time.toISOString()}>
      {format.format(time)}
    </time>
  );
}
