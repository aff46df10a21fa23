import { useCallback, useState, type SubmitEvent } from 'react';
import type { Area } from '@gala/protocol/rest';
import type { ApiError, RoomClient } from '@gala/sdk/room';
import { usePoll } from '../shell/poll.ts';
import { LoadFailed, Stale } from './parts.tsx';
import { ReasonDialog, type Action } from './reason-dialog.tsx';
import { useConsoleWords } from './words.tsx';
import { TableHead } from '../design/table-head.tsx';

const refreshMs = 5_000;

interface AreasPageProps {
  readonly client: RoomClient;
  readonly explain: (error: ApiError) => string;
}

/** The list of areas: make, name anew, order, retire. */
export default function AreasPage({ client, explain }: AreasPageProps) {
  const say = useConsoleWords();
  const ask = useCallback((signal: AbortSignal) => client.listAreas(undefined, { signal }), [client]);
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const [action, setAction] = useState<Action>();
  if (!answer) return <LoadFailed error={error} explain={explain} onRetry={refresh} />;
  const close = (): void => {
    setAction(undefined);
    refresh();
  };
  return (
    <>
      {error && <Stale cause={explain(error)} />}
      <h1 id="areas-title">{say('areas')}</h1>
      <p className="hint">{say('areas.text')}</p>
      {answer.areas.length === 0 ? (
        <p className="hint">{say('areas.none')}</p>
      ) : (
        <AreaTable areas={answer.areas} client={client} onAction={setAction} />
      )}
      <AreaForm client={client} onAction={setAction} />
      {action && <ReasonDialog action={action} onClose={close} />}
    </>
  );
}

interface AreaTableProps {
  readonly areas: readonly Area[];
  readonly client: RoomClient;
  readonly onAction: (action: Action) => void;
}

function AreaTable({ areas, client, onAction }: AreaTableProps) {
  const say = useConsoleWords();
  const ids = areas.map(({ areaId }) => areaId);
  const raise = (index: number): void => {
    const [area, above] = [ids[index], ids[index - 1]];
    const areaIds = ids.with(index - 1, area).with(index, above);
    const run = (reason: string) => client.orderAreas({ areaIds, reason });
    onAction({ name: say('areas.up'), ask: say('areas.up.ask', { area }), run });
  };
  const retire = (areaId: string): void => {
    const run = (reason: string) => client.retireArea({ areaId, reason });
    onAction({ name: say('areas.retire'), ask: say('areas.retire.ask', { area: areaId }), run });
  };
  return (
    <div className="table-scroll" role="region" aria-labelledby="areas-title" tabIndex={0}>
      <table className="table" data-testid="area-table">
        <TableHead
          columns={[
            { name: say('areas.id') },
            { name: say('areas.en') },
            { name: say('areas.zh') },
            { name: say('areas.rooms'), isNumber: true },
          ]}
          actions={say('actions')}
        />
        <tbody>
          {areas.map(({ areaId, names, isRetired, rooms }, index) => (
            <tr key={areaId} data-testid="area-row">
              <th scope="row">{areaId}</th>
              <td>{names.en}</td>
              <td>{names.zh}</td>
              <td className="number">{rooms}</td>
              <td className="row-actions">
                {index > 0 && (
                  <button className="button small" onClick={() => raise(index)}>
                    {say('areas.up')}
                  </button>
                )}
                {isRetired ? (
                  <span className="warns">{say('areas.retired')}</span>
                ) : (
                  <button className="button small" onClick={() => retire(areaId)}>
                    {say('areas.retire')}
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function AreaForm({ client, onAction }: Omit<AreaTableProps, 'areas'>) {
  const say = useConsoleWords();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    const text = (name: string): string => {
      const value = fields.get(name);
      return typeof value === 'string' ? value.trim() : '';
    };
    const areaId = text('areaId');
    const run = async (reason: string): Promise<void> => {
      await client.putArea({ areaId, names: { en: text('en'), zh: text('zh') }, reason });
      form.reset();
    };
    onAction({ name: say('areas.put'), ask: say('areas.put.ask', { area: areaId }), run });
  };
  return (
    <form className="card stacked" onSubmit={submit} data-testid="area-form">
      <h2>{say('areas.new')}</h2>
      <label className="field">
        <span>{say('areas.id')}</span>
        <input name="areaId" required pattern="[a-z0-9][a-z0-9\-]{0,31}" title={say('areas.id.text')} />
      </label>
      <label className="field">
        <span>{say('areas.en')}</span>
        <input name="en" required maxLength={40} />
      </label>
      <label className="field">
        <span>{say('areas.zh')}</span>
        <input name="zh" required maxLength={40} />
      </label>
      <button className="button">{say('areas.put')}</button>
    </form>
  );
}
