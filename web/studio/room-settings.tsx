import { useState, type SubmitEvent } from 'react';
import type { BodyOf, Host } from '@gala/protocol/rest';
import { ApiError } from '@gala/sdk/room';
import { useAreas } from '../viewer/areas.tsx';
import { client } from '../shell/client.ts';
import { useWords } from '../shell/words.tsx';
import { type Word } from '../words/index.ts';

interface RoomSettingsProps {
  readonly host: Host;
  readonly onSaved: () => void;
}

type Progress = 'editing' | 'saving' | 'saved';

const buttonWords: Readonly<Record<Progress, Word>> = {
  editing: 'host.settings.save',
  saving: 'host.settings.saving',
  saved: 'host.settings.saved',
};

/** Title and who may watch. */
export function RoomSettings({ host, onSaved }: RoomSettingsProps) {
  const { t, explain } = useWords();
  const [progress, setProgress] = useState<Progress>('editing');
  const [failed, setFailed] = useState<ApiError>();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    setProgress('saving');
    setFailed(undefined);
    client.updateMyHost(readForm(event.currentTarget, host.areaId ?? '')).then(
      () => {
        setProgress('saved');
        onSaved();
      },
      (error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        setFailed(error);
        setProgress('editing');
      },
    );
  };
  return (
    <form
      className="card room-settings"
      onSubmit={submit}
      onChange={() => setProgress('editing')}
      data-testid="room-settings"
    >
      <h2>{t('host.settings.title')}</h2>
      <label className="field">
        <span>{t('host.settings.name')}</span>
        <input name="title" maxLength={120} defaultValue={host.title} data-testid="title-input" />
      </label>
      <fieldset className="field">
        <legend>{t('host.settings.visibility')}</legend>
        <VisibilityChoice value="public" chosen={host.visibility} />
        <VisibilityChoice value="private" chosen={host.visibility} />
      </fieldset>
      <label className="field">
        <span>{t('host.settings.announcement')}</span>
        <textarea
          name="announcement"
          maxLength={500}
          defaultValue={host.announcement?.text}
          data-testid="announcement-input"
        />
      </label>
      <AreaField chosen={host.areaId ?? ''} />
      {failed && (
        <p className="form-error" role="alert">
          {explain(failed)}
        </p>
      )}
      <button className="button" disabled={progress === 'saving'} data-testid="save-settings">
        <span aria-live="polite">{t(buttonWords[progress])}</span>
      </button>
    </form>
  );
}

function AreaField({ chosen }: { readonly chosen: string }) {
  const { t, language } = useWords();
  const areas = useAreas();
  const offered = areas.filter(({ areaId, isRetired }) => !isRetired || areaId === chosen);
  if (offered.length === 0) return null;
  return (
    <label className="field">
      <span>{t('host.settings.area')}</span>
      <select name="areaId" key={offered.length} defaultValue={chosen} data-testid="area-input">
        <option value="">{t('host.settings.area.none')}</option>
        {offered.map(({ areaId, names }) => (
          <option key={areaId} value={areaId}>
            {names[language]}
          </option>
        ))}
      </select>
    </label>
  );
}

interface VisibilityChoiceProps {
  readonly value: Host['visibility'];
  readonly chosen: Host['visibility'];
}

function VisibilityChoice({ value, chosen }: VisibilityChoiceProps) {
  const { t } = useWords();
  return (
    <label className="choice">
      <input type="radio" name="visibility" value={value} defaultChecked={chosen === value} />
      <span>
        {t(`host.settings.${value}`)}
        <small>{t(`host.settings.${value}.text`)}</small>
      </span>
    </label>
  );
}

function readForm(form: HTMLFormElement, kept: string): BodyOf<'updateMyHost'> {
  const fields = new FormData(form);
  const title = fields.get('title');
  const areaId = fields.get('areaId');
  const announcement = fields.get('announcement');
  return {
    title: typeof title === 'string' ? title.trim() : '',
    // Forms end lines as mail does.
    announcement: typeof announcement === 'string' ? announcement.replaceAll('\r\n', '\n').trim() : '',
    visibility: fields.get('visibility') === 'private' ? 'private' : 'public',
    // What is kept already is not chosen anew: it may be retired.
    ...(typeof areaId === 'string' && areaId !== kept && { areaId }),
  };
}
