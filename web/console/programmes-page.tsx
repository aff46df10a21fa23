import { useCallback, useState } from 'react';
import type { ProgrammeSummary } from '@gala/protocol/rest';
import { ApiError, type RoomClient } from '@gala/sdk/room';
import { Link } from '../shell/link.tsx';
import { usePoll } from '../shell/poll.ts';
import { useWords } from '../shell/words.tsx';
import { LoadFailed, Stale, When } from './parts.tsx';
import { ProgrammeForm, type EditedProgramme } from './programme-form.tsx';
import { ReasonDialog, type Action } from './reason-dialog.tsx';
import { useConsoleWords } from './words.tsx';
import { TableHead } from '../design/table-head.tsx';

const refreshMs = 5_000;
const pageSize = 50;

interface ProgrammesPageProps {
  readonly client: RoomClient;
  readonly explain: (error: ApiError) => string;
}

/** Big events: list, make, change, cancel. */
export default function ProgrammesPage({ client, explain }: ProgrammesPageProps) {
  const say = useConsoleWords();
  const [offset, setOffset] = useState(0);
  const ask = useCallback(
    (signal: AbortSignal) => client.listProgrammes({ limit: pageSize, offset }, { signal }),
    [client, offset],
  );
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const [action, setAction] = useState<Action>();
  const [edited, setEdited] = useState<EditedProgramme>();
  const [failed, setFailed] = useState<ApiError>();
  if (!answer) return <LoadFailed error={error} explain={explain} onRetry={refresh} />;
  const edit = (name: string): void => {
    setFailed(undefined);
    client.getProgrammePlan({ programmeName: name }).then(
      (plan) => setEdited({ name, ...plan }),
      (cause: unknown) => {
        if (!(cause instanceof ApiError)) throw cause;
        setFailed(cause);
      },
    );
  };
  const close = (): void => {
    setAction(undefined);
    refresh();
  };
  return (
    <>
      {(error ?? failed) && <Stale cause={explain((error ?? failed)!)} />}
      <h1 id="programmes-title">{say('programmes')}</h1>
      {answer.programmes.length === 0 ? (
        <p className="hint">{say('programmes.none')}</p>
      ) : (
        <ProgrammeTable programmes={answer.programmes} client={client} onAction={setAction} onEdit={edit} />
      )}
      <div className="actions">
        {offset > 0 && (
          <button className="button small" onClick={() => setOffset(offset - pageSize)}>
            {say('programmes.before')}
          </button>
        )}
        {offset + pageSize < answer.total && (
          <button className="button small" onClick={() => setOffset(offset + pageSize)}>
            {say('programmes.after')}
          </button>
        )}
      </div>
      <ProgrammeForm
        key={`${edited?.name ?? ''} ${edited?.version ?? 0}`}
        client={client}
        edited={edited}
        onAction={setAction}
        onDone={() => setEdited(undefined)}
      />
      {action && <ReasonDialog action={action} onClose={close} />}
    </>
  );
}

interface ProgrammeTableProps {
  readonly programmes: readonly ProgrammeSummary[];
  readonly client: RoomClient;
  readonly onAction: (action: Action) => void;
  readonly onEdit: (name: string) => void;
}

function ProgrammeTable({ programmes, client, onAction, onEdit }: ProgrammeTableProps) {
  const say = useConsoleWords();
  const { language } = useWords();
  const cancel = (name: string): void => {
    const run = (reason: string) => client.cancelProgramme({ programmeName: name, reason });
    onAction({ name: say('programmes.cancel'), ask: say('programmes.cancel.ask', { name }), run });
  };
  return (
    <div className="table-scroll" role="region" aria-labelledby="programmes-title" tabIndex={0}>
      <table className="table">
        <TableHead
          columns={[
            { name: say('programmes.name') },
            { name: say('programmes.title') },
            { name: say('state') },
            { name: say('programmes.starts') },
            { name: say('programmes.reservations'), isNumber: true },
          ]}
          actions={say('actions')}
        />
        <tbody>
          {programmes.map(({ name, titles, phase, startsAtMs, reservations }) => (
            <tr key={name} data-testid="programme-row">
              <th scope="row">
                <Link to={`/programmes/${name}`}>{name}</Link>
              </th>
              <td>{titles[language]}</td>
              <td>{say(`programmes.${phase}`)}</td>
              <td>
                <When timeMs={startsAtMs} />
              </td>
              <td className="number">{reservations}</td>
              <td className="row-actions">
                <button className="button small" onClick={() => onEdit(name)}>
                  {say('programmes.edit')}
                </button>
                <button className="button small" onClick={() => cancel(name)}>
                  {say('programmes.cancel')}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
