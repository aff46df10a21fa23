import type { JobPlan } from '@gala/protocol/rest';
import type { RoomClient } from '@gala/sdk/room';
import { formatDuration } from './format.ts';
import { When } from './parts.tsx';
import type { Action } from './reason-dialog.tsx';
import { useConsoleWords, type Say } from './words.tsx';
import { TableHead } from '../design/table-head.tsx';

interface PlanTableProps {
  readonly plans: readonly JobPlan[];
  readonly client: RoomClient;
  readonly onAction: (action: Action) => void;
}

export function PlanTable({ plans, client, onAction }: PlanTableProps) {
  const say = useConsoleWords();
  return (
    <section aria-labelledby="plans-title">
      <h2 id="plans-title">{say('plans')}</h2>
      {plans.length === 0 ? (
        <p className="hint">{say('plans.none')}</p>
      ) : (
        <div className="table-scroll" role="region" aria-labelledby="plans-title" tabIndex={0}>
          <table className="table" data-testid="plan-table">
            <PlanHead />
            <tbody>
              {plans.map((plan) => (
                <PlanRow key={plan.name} plan={plan} client={client} onAction={onAction} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function PlanHead() {
  const say = useConsoleWords();
  return (
    <TableHead
      columns={[
        { name: say('plan') },
        { name: say('schedule') },
        { name: say('state') },
        { name: say('next') },
        { name: say('last') },
        { name: say('runs'), isNumber: true },
        { name: say('skipped'), isNumber: true },
        { name: say('missed'), isNumber: true },
        { name: say('open'), isNumber: true },
      ]}
      actions={say('actions')}
    />
  );
}

interface PlanRowProps extends Omit<PlanTableProps, 'plans'> {
  readonly plan: JobPlan;
}

function PlanRow({ plan, client, onAction }: PlanRowProps) {
  const say = useConsoleWords();
  const { name, kind, paused, nextMs, lastMs, runs, skipped, missed, open } = plan;
  const run = (): void =>
    onAction({
      name: say('act.run'),
      ask: say('act.run.ask', { plan: name }),
      run: (reason) => client.runJobPlan({ planName: name, reason }),
    });
  const pause = (): void =>
    onAction({
      name: say(paused ? 'act.resume' : 'act.pause'),
      ask: say(paused ? 'act.resume.ask' : 'act.pause.ask', { name }),
      run: (reason) => client[paused ? 'resumeJobPlan' : 'pauseJobPlan']({ planName: name, reason }),
    });
  return (
    <tr data-testid="plan-row" data-plan={name}>
      <th scope="row">
        {name}
        <small>{kind}</small>
      </th>
      <td>{scheduleText(plan.schedule, say)}</td>
      <td>{paused ? <span className="warns">{say('paused')}</span> : say('active')}</td>
      <td>{paused || nextMs === undefined ? '–' : <When timeMs={nextMs} />}</td>
      <td>{lastMs === undefined ? '–' : <When timeMs={lastMs} />}</td>
      <td className="number">{runs}</td>
      <td className="number">{skipped}</td>
      <td className="number">{missed > 0 ? <span className="warns">{missed}</span> : missed}</td>
      <td className="number">{open}</td>
      <td className="row-actions">
        <button className="button small" onClick={run} aria-label={`${say('act.run')}: ${name}`}>
          {say('act.run')}
        </button>
        <PauseButton name={name} paused={paused} onClick={pause} />
      </td>
    </tr>
  );
}

interface PauseButtonProps {
  readonly name: string;
  readonly paused: boolean;
  readonly onClick: () => void;
}

export function PauseButton({ name, paused, onClick }: PauseButtonProps) {
  const say = useConsoleWords();
  const text = say(paused ? 'act.resume' : 'act.pause');
  return (
    <button className="button small" onClick={onClick} aria-label={`${text}: ${name}`}>
      {text}
    </button>
  );
}

function scheduleText(schedule: JobPlan['schedule'], say: Say): string {
  switch (schedule.kind) {
    case 'cron':
      return `${schedule.pattern} (${schedule.timeZone})`;
    case 'interval':
      return say('schedule.every', { time: formatDuration(schedule.everyMs) });
    default:
      return say('schedule.once');
  }
}
