import { useCallback, useState } from 'react';
import type { SwitchView } from '@gala/protocol/rest';
import type { ApiError, RoomClient } from '@gala/sdk/room';
import { usePoll } from '../shell/poll.ts';
import { LoadFailed, Stale, When } from './parts.tsx';
import { ReasonDialog, type Action } from './reason-dialog.tsx';
import { useConsoleWords } from './words.tsx';

const refreshMs = 2_000;

interface SwitchesPageProps {
  readonly client: RoomClient;
  readonly explain: (error: ApiError) => string;
}

/** Every switch with its states, and what was set before. */
export default function SwitchesPage({ client, explain }: SwitchesPageProps) {
  const say = useConsoleWords();
  const ask = useCallback((signal: AbortSignal) => client.listSwitches(undefined, { signal }), [client]);
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const [action, setAction] = useState<Action>();
  if (!answer) return <LoadFailed error={error} explain={explain} onRetry={refresh} />;
  const set = (switchName: string, state: string): void => {
    const run = (reason: string) => client.setSwitch({ switchName, state, reason });
    setAction({ name: say('switches.set'), ask: say('switches.set.ask', { name: switchName, state }), run });
  };
  const close = (): void => {
    setAction(undefined);
    refresh();
  };
  return (
    <>
      {error && <Stale cause={explain(error)} />}
      <h1 id="switches-title">{say('switches')}</h1>
      <div className="table-scroll" role="region" aria-labelledby="switches-title" tabIndex={0}>
        <table className="table" data-testid="switch-table">
          <tbody>
            {answer.switches.map((view) => (
              <SwitchRow key={view.name} view={view} onSet={set} />
            ))}
          </tbody>
        </table>
      </div>
      {answer.changes.length > 0 && <h2>{say('switches.changes')}</h2>}
      <ul>
        {answer.changes.map(({ atMs, by, reason, what }) => (
          <li key={`${atMs} ${what}`}>
            <When timeMs={atMs} /> {what}: {reason} ({by})
          </li>
        ))}
      </ul>
      {action && <ReasonDialog action={action} onClose={close} />}
    </>
  );
}

interface SwitchRowProps {
  readonly view: SwitchView;
  readonly onSet: (name: string, state: string) => void;
}

function SwitchRow({ view, onSet }: SwitchRowProps) {
  const say = useConsoleWords();
  const { name, states, state, setting } = view;
  return (
    <tr data-testid="switch-row">
      <th scope="row">
        {name}
        <small>{say(`switch.${name}`)}</small>
      </th>
      <td>{state === states[0] ? state : <span className="warns">{state}</span>}</td>
      <td>{setting ? `${setting.reason} (${setting.by})` : '–'}</td>
      <td className="row-actions">
        {states
          .filter((each) => each !== state)
          .map((each) => (
            <button key={each} className="button small" onClick={() => onSet(name, each)}>
              {each}
            </button>
          ))}
      </td>
    </tr>
  );
}
