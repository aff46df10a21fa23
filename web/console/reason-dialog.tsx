import { useEffect, useRef, useState, type SubmitEvent } from 'react';
import { ApiError } from '@gala/sdk/room';
import { useWords } from '../shell/words.tsx';
import { useConsoleWords } from './words.tsx';

export interface Action {
  /** The button that does it. */
  readonly name: string;
  /** What will happen. */
  readonly ask: string;
  readonly run: (reason: string) => Promise<unknown>;
}

interface ReasonDialogProps {
  readonly action: Action;
  readonly onClose: () => void;
}

/** Nothing is done without a reason: it goes into the log with who did it. */
export function ReasonDialog({ action, onClose }: ReasonDialogProps) {
  const say = useConsoleWords();
  const { explain } = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const [failed, setFailed] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const reason = new FormData(event.currentTarget).get('reason');
    if (typeof reason !== 'string' || reason.trim() === '') return;
    setBusy(true);
    action.run(reason.trim()).then(onClose, (error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      setFailed(error);
      setBusy(false);
    });
  };
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="reason-title" onClose={onClose}>
      <form onSubmit={submit} data-testid="reason-dialog">
        <h2 id="reason-title">{action.ask}</h2>
        <label className="field">
          <span>{say('reason')}</span>
          <input name="reason" required maxLength={120} autoComplete="off" />
        </label>
        <p className="hint">{say('reason.text')}</p>
        {failed && (
          <p className="form-error" role="alert">
            {explain(failed)}
          </p>
        )}
        <div className="actions">
          <button type="button" className="button" onClick={onClose}>
            {say('cancel')}
          </button>
          <button className="button danger" disabled={busy} data-testid="reason-yes">
            {action.name}
          </button>
        </div>
      </form>
    </dialog>
  );
}
