import { useCallback, useState } from 'react';
import type { ApiError, RoomClient } from '@gala/sdk/room';
import { usePoll } from '../shell/poll.ts';
import { PlanTable } from './job-plans.tsx';
import { RunTable } from './job-runs.tsx';
import { ShardedTable } from './job-shards.tsx';
import { LoadFailed, Stale } from './parts.tsx';
import { ReasonDialog, type Action } from './reason-dialog.tsx';
import { useConsoleWords } from './words.tsx';

const refreshMs = 2_000;
const runsMax = 50;

interface JobsPageProps {
  readonly client: RoomClient;
  readonly explain: (error: ApiError) => string;
}

/** Plans with their next runs, runs with progress and log, sharded jobs with their partitions. */
export default function JobsPage({ client, explain }: JobsPageProps) {
  const say = useConsoleWords();
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const [{ plans }, { runs }, { jobs }] = await Promise.all([
        client.listJobPlans(undefined, { signal }),
        client.listJobRuns({ limit: runsMax }, { signal }),
        client.listShardedJobs(undefined, { signal }),
      ]);
      return { plans, runs, jobs };
    },
    [client],
  );
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const [action, setAction] = useState<Action>();
  if (!answer) return <LoadFailed error={error} explain={explain} onRetry={refresh} />;
  const { plans, runs, jobs } = answer;
  return (
    <>
      {error && <Stale cause={explain(error)} />}
      <h1>{say('jobs')}</h1>
      <PlanTable plans={plans} client={client} onAction={setAction} />
      <ShardedTable jobs={jobs} client={client} onAction={setAction} explain={explain} />
      <RunTable runs={runs} client={client} onAction={setAction} explain={explain} />
      {action && (
        <ReasonDialog
          action={action}
          onClose={() => {
            setAction(undefined);
            refresh();
          }}
        />
      )}
    </>
  );
}
