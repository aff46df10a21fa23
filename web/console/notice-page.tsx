import { useCallback, useState, type SubmitEvent } from 'react';
import type { ApiError, RoomClient } from '@gala/sdk/room';
import { usePoll } from '../shell/poll.ts';
import { LoadFailed, Stale } from './parts.tsx';
import { ReasonDialog, type Action } from './reason-dialog.tsx';
import { useConsoleWords } from './words.tsx';

const refreshMs = 5_000;

interface NoticePageProps {
  readonly client: RoomClient;
  readonly explain: (error: ApiError) => string;
}

/** What is told on every page. */
export default function NoticePage({ client, explain }: NoticePageProps) {
  const say = useConsoleWords();
  const ask = useCallback((signal: AbortSignal) => client.getSiteNotice(undefined, { signal }), [client]);
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const [action, setAction] = useState<Action>();
  if (!answer) return <LoadFailed error={error} explain={explain} onRetry={refresh} />;
  const { notice } = answer;
  const put = (texts: { en: string; zh: string }): void => {
    const run = (reason: string) => client.putSiteNotice({ texts, reason });
    onAsk(texts.en === '' ? 'notice.remove' : 'notice.put', run);
  };
  const onAsk = (word: 'notice.put' | 'notice.remove', run: Action['run']): void =>
    setAction({ name: say(word), ask: say(`${word}.ask`), run });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const [en, zh] = [fields.get('en'), fields.get('zh')];
    if (typeof en === 'string' && typeof zh === 'string') put({ en: en.trim(), zh: zh.trim() });
  };
  const close = (): void => {
    setAction(undefined);
    refresh();
  };
  return (
    <>
      {error && <Stale cause={explain(error)} />}
      <h1>{say('notice')}</h1>
      <form className="card stacked" onSubmit={submit} key={notice?.version} data-testid="notice-form">
        <label className="field">
          <span>{say('notice.en')}</span>
          <textarea name="en" required maxLength={300} defaultValue={notice?.texts.en} />
        </label>
        <label className="field">
          <span>{say('notice.zh')}</span>
          <textarea name="zh" required maxLength={300} defaultValue={notice?.texts.zh} />
        </label>
        <div className="actions">
          <button className="button">{say('notice.put')}</button>
          {notice && (
            <button type="button" className="button" onClick={() => put({ en: '', zh: '' })}>
              {say('notice.remove')}
            </button>
          )}
        </div>
      </form>
      {action && <ReasonDialog action={action} onClose={close} />}
    </>
  );
}
