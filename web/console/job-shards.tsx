import { useCallback, useState } from 'react';
import type { JobPartition, ShardedJob } from '@gala/protocol/rest';
import type { ApiError, RoomClient } from '@gala/sdk/room';
import { usePoll } from '../shell/poll.ts';
import { formatDuration, formatMs } from './format.ts';
import { PauseButton } from './job-plans.tsx';
import { LoadFailed, When } from './parts.tsx';
import type { Action } from './reason-dialog.tsx';
import { useConsoleWords } from './words.tsx';
import { TableHead } from '../design/table-head.tsx';

const refreshMs = 2_000;

interface ShardedTableProps {
  readonly jobs: readonly ShardedJob[];
  readonly client: RoomClient;
  readonly onAction: (action: Action) => void;
  readonly explain: (error: ApiError) => string;
}

export function ShardedTable({ jobs, client, onAction, explain }: ShardedTableProps) {
  const say = useConsoleWords();
  const [shown, setShown] = useState<string>();
  return (
    <section aria-labelledby="sharded-title">
      <h2 id="sharded-title">{say('sharded')}</h2>
      {jobs.length === 0 ? (
        <p className="hint">{say('sharded.none')}</p>
      ) : (
        <div className="table-scroll" role="region" aria-labelledby="sharded-title" tabIndex={0}>
          <table className="table" data-testid="sharded-table">
            <ShardedHead />
            <tbody>
              {jobs.map((job) => (
                <ShardedRow key={job.name} job={job} client={client} onAction={onAction} onShow={setShown} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown !== undefined && (
        <Partitions
          key={shown}
          jobName={shown}
          client={client}
          explain={explain}
          onClose={() => setShown(undefined)}
        />
      )}
    </section>
  );
}

function ShardedHead() {
  const say = useConsoleWords();
  return (
    <TableHead
      columns={[
        { name: say('job') },
        { name: say('state') },
        { name: say('interval') },
        { name: say('worker') },
        { name: say('ticks'), isNumber: true },
        { name: say('skipped'), isNumber: true },
        { name: say('failed'), isNumber: true },
        { name: say('late'), isNumber: true },
      ]}
      actions={say('actions')}
    />
  );
}

interface ShardedRowProps extends Pick<ShardedTableProps, 'client' | 'onAction'> {
  readonly job: ShardedJob;
  readonly onShow: (name: string) => void;
}

function ShardedRow({ job, client, onAction, onShow }: ShardedRowProps) {
  const say = useConsoleWords();
  const { name, paused, partitions, intervalMs, workers, ticks, skipped, failures, lateMsMax } = job;
  const pause = (): void =>
    onAction({
      name: say(paused ? 'act.resume' : 'act.pause'),
      ask: say(paused ? 'act.resume.ask' : 'act.pauseJob.ask', { name }),
      run: (reason) => client[paused ? 'resumeShardedJob' : 'pauseShardedJob']({ jobName: name, reason }),
    });
  return (
    <tr data-testid="sharded-row" data-job={name}>
      <th scope="row">{name}</th>
      <td>{paused ? <span className="warns">{say('paused')}</span> : say('active')}</td>
      <td>{formatDuration(intervalMs)}</td>
      <td>
        {workers.map(({ process, partitions: count }) => (
          <span key={process} className="edge-name">
            {process} <small>{count}</small>
          </span>
        ))}
      </td>
      <td className="number">{ticks}</td>
      <td className="number">{skipped}</td>
      <td className="number">{failures > 0 ? <span className="warns">{failures}</span> : failures}</td>
      <td className="number">{formatMs(lateMsMax)}</td>
      <td className="row-actions">
        <button
          className="button small"
          onClick={() => onShow(name)}
          aria-label={say('partitions.of', { job: name })}
        >
          {say('partitions')} ({partitions})
        </button>
        <PauseButton name={name} paused={paused} onClick={pause} />
      </td>
    </tr>
  );
}

interface PartitionsProps extends Pick<ShardedTableProps, 'client' | 'explain'> {
  readonly jobName: string;
  readonly onClose: () => void;
}

function Partitions({ jobName, client, explain, onClose }: PartitionsProps) {
  const say = useConsoleWords();
  const ask = useCallback(
    (signal: AbortSignal) => client.getShardedJob({ jobName }, { signal }),
    [client, jobName],
  );
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  if (!answer) return <LoadFailed error={error} explain={explain} onRetry={refresh} />;
  return (
    <div className="job-partitions" data-testid="partitions">
      <h3 id="partitions-title">{say('partitions.of', { job: jobName })}</h3>
      <div className="table-scroll" role="region" aria-labelledby="partitions-title" tabIndex={0}>
        <table className="table">
          <TableHead
            columns={[
              { name: say('partition') },
              { name: say('worker') },
              { name: say('tick') },
              { name: say('late'), isNumber: true },
              { name: say('took'), isNumber: true },
              { name: say('ticks'), isNumber: true },
              { name: say('skipped'), isNumber: true },
              { name: say('failed'), isNumber: true },
              { name: say('fence'), isNumber: true },
              { name: say('error') },
            ]}
          />
          <tbody>
            {answer.partitions.map((partition) => (
              <PartitionRow key={partition.partition} of={partition} />
            ))}
          </tbody>
        </table>
      </div>
      <button className="button small" onClick={onClose}>
        {say('close')}
      </button>
    </div>
  );
}

function PartitionRow({ of }: { readonly of: JobPartition }) {
  const { partition, owner, tickedMs, lateMs, durationMs, ticks, skipped, failures, fence, error } = of;
  return (
    <tr>
      <th scope="row">{partition}</th>
      <td>{owner}</td>
      <td>{tickedMs === undefined ? '–' : <When timeMs={tickedMs} />}</td>
      <td className="number">{formatMs(lateMs)}</td>
      <td className="number">{formatMs(durationMs)}</td>
      <td className="number">{ticks}</td>
      <td className="number">{skipped}</td>
      <td className="number">{failures}</td>
      <td className="number">{fence}</td>
      <td title={error?.message}>{error?.code ?? '–'}</td>
    </tr>
  );
}
