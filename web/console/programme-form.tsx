import type { SubmitEvent } from 'react';
import type { ProgrammeDraft } from '@gala/protocol/rest';
import type { RoomClient } from '@gala/sdk/room';
import type { Action } from './reason-dialog.tsx';
import { useConsoleWords } from './words.tsx';

export interface EditedProgramme {
  readonly name: string;
  readonly version: number;
  readonly draft: ProgrammeDraft;
}

interface ProgrammeFormProps {
  readonly client: RoomClient;
  /** Undefined makes a new one. */
  readonly edited: EditedProgramme | undefined;
  readonly onAction: (action: Action) => void;
  readonly onDone: () => void;
}

/** Angles are a line each: host, English label, Chinese label. */
export function ProgrammeForm({ client, edited, onAction, onDone }: ProgrammeFormProps) {
  const say = useConsoleWords();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const { name, draft } = readForm(form);
    const run = async (reason: string): Promise<void> => {
      if (edited) {
        await client.editProgramme({ programmeName: edited.name, draft, version: edited.version, reason });
      } else await client.createProgramme({ name, draft, reason });
      form.reset();
      onDone();
    };
    const ask = say('programmes.save.ask', { name: edited?.name ?? name });
    onAction({ name: say('programmes.save'), ask, run });
  };
  const draft = edited?.draft;
  return (
    <form className="card stacked" onSubmit={submit} data-testid="programme-form">
      <h2>{edited ? edited.name : say('programmes.new')}</h2>
      {!edited && (
        <label className="field">
          <span>{say('programmes.name')}</span>
          <input name="name" required pattern="[a-z0-9][a-z0-9\-]{0,47}" title={say('areas.id.text')} />
        </label>
      )}
      <label className="field">
        <span>{say('programmes.title.en')}</span>
        <input name="en" required maxLength={80} defaultValue={draft?.titles.en} />
      </label>
      <label className="field">
        <span>{say('programmes.title.zh')}</span>
        <input name="zh" required maxLength={80} defaultValue={draft?.titles.zh} />
      </label>
      <TimeField name="starts" word="programmes.starts" timeMs={draft?.startsAtMs} />
      <TimeField name="ends" word="programmes.ends" timeMs={draft?.endsAtMs} />
      <label className="field">
        <span>{say('programmes.text')}</span>
        <textarea name="text" maxLength={2000} defaultValue={draft?.text} />
      </label>
      <label className="field">
        <span>{say('programmes.angles')}</span>
        <textarea
          name="angles"
          required
          placeholder="@host | Stage | 舞台"
          defaultValue={draft?.angles
            .map(({ hostRef, label }) => `${hostRef} | ${label.en} | ${label.zh}`)
            .join('\n')}
        />
      </label>
      <label className="field">
        <span>{say('programmes.stewards')}</span>
        <input name="stewards" placeholder="@name" defaultValue={draft?.stewards.join(' ')} />
      </label>
      <div className="actions">
        <button className="button">{say('programmes.save')}</button>
        {edited && (
          <button type="button" className="button quiet" onClick={onDone}>
            {say('cancel')}
          </button>
        )}
      </div>
    </form>
  );
}

interface TimeFieldProps {
  readonly name: string;
  readonly word: 'programmes.starts' | 'programmes.ends';
  readonly timeMs: number | undefined;
}

function TimeField({ name, word, timeMs }: TimeFieldProps) {
  const say = useConsoleWords();
  return (
    <label className="field">
      <span>{say(word)}</span>
      <input
        name={name}
        type="datetime-local"
        required
        defaultValue={timeMs === undefined ? undefined : localTime(timeMs)}
      />
    </label>
  );
}

function readForm(form: HTMLFormElement): { name: string; draft: ProgrammeDraft } {
  const fields = new FormData(form);
  const text = (field: string): string => {
    const value = fields.get(field);
    return typeof value === 'string' ? value.trim() : '';
  };
  const angles = text('angles')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [hostRef = '', en = '', zh = ''] = line.split('|').map((part) => part.trim());
      return { hostRef, label: { en, zh: zh || en } };
    });
  const draft = {
    titles: { en: text('en'), zh: text('zh') },
    text: text('text'),
    startsAtMs: new Date(text('starts')).getTime(),
    endsAtMs: new Date(text('ends')).getTime(),
    angles,
    stewards: text('stewards')
      .split(/[\s,]+/)
      .filter(Boolean),
  };
  return { name: text('name'), draft };
}

/** As `datetime-local` takes it: the clock of the reader, without a zone. */
function localTime(timeMs: number): string {
  const date = new Date(timeMs);
  return new Date(timeMs - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
