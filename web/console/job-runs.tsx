import { useCallback, useState } from 'react';
import type { JobRun } from '@gala/protocol/rest';
import type { ApiError, RoomClient } from '@gala/sdk/room';
import { usePoll } from '../shell/poll.ts';
import { formatDuration } from './format.ts';
import { LoadFailed, When } from './parts.tsx';
import type { Action } from './reason-dialog.tsx';
import { useConsoleWords } from './words.tsx';
import { TableHead } from '../design/table-head.tsx';

const refreshMs = 2_000;

interface RunTableProps {
  readonly runs: readonly JobRun[];
  readonly client: RoomClient;
  readonly onAction: (action: Action) => void;
  readonly explain: (error: ApiError) => string;
}

export function RunTable({ runs, client, onAction, explain }: RunTableProps) {
  const say = useConsoleWords();
  const [shownId, setShownId] = useState<number>();
  return (
    <section aria-labelledby="runs-title">
      <h2 id="runs-title">{say('runs')}</h2>
      {shownId !== undefined && (
        <RunLog
          key={shownId}
          runId={shownId}
          client={client}
          explain={explain}
          onClose={() => setShownId(undefined)}
        />
      )}
      {runs.length === 0 ? (
        <p className="hint">{say('runs.none')}</p>
      ) : (
        <div className="table-scroll" role="region" aria-labelledby="runs-title" tabIndex={0}>
          <table className="table" data-testid="run-table">
            <TableHead
              columns={[
                { name: say('run') },
                { name: say('state') },
                { name: say('progress') },
                { name: say('worker') },
                { name: say('began') },
                { name: say('took') },
                { name: say('error') },
              ]}
              actions={say('actions')}
            />
            <tbody>
              {runs.map((run) => (
                <RunRow key={run.runId} run={run} client={client} onAction={onAction} onShow={setShownId} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

interface RunRowProps extends Pick<RunTableProps, 'client' | 'onAction'> {
  readonly run: JobRun;
  readonly onShow: (runId: number) => void;
}

function RunRow({ run, client, onAction, onShow }: RunRowProps) {
  const say = useConsoleWords();
  const { runId, kind, plan, state, attempts, owner, startedMs, finishedMs, error, askedBy } = run;
  const name = plan ?? kind;
  const cancel = (): void =>
    onAction({
      name: say('act.cancelRun'),
      ask: say('act.cancelRun.ask', { run: runId, name }),
      run: (reason) => client.cancelJobRun({ runId, reason }),
    });
  return (
    <tr data-testid="run-row" data-run-id={runId}>
      <th scope="row">
        {name}
        <small>
          {runId}
          {askedBy !== undefined &&
            ` · ${say('askedBy', { by: askedBy === '0' ? say('signIn.token') : askedBy })}`}
          {attempts > 1 && ` · ${say('attempt', { attempt: attempts })}`}
        </small>
      </th>
      <td>
        <span className={state === 'failed' ? 'warns' : undefined}>{say(`runState.${state}`)}</span>
      </td>
      <td>
        <Progress run={run} />
      </td>
      <td>{owner ?? '–'}</td>
      <td>{startedMs === undefined ? '–' : <When timeMs={startedMs} />}</td>
      <td>
        {startedMs === undefined || finishedMs === undefined ? '–' : formatDuration(finishedMs - startedMs)}
      </td>
      <td title={error?.message}>{error?.code ?? '–'}</td>
      <td className="row-actions">
        <button
          className="button small"
          onClick={() => onShow(runId)}
          aria-label={`${say('log')}: ${name} ${runId}`}
        >
          {say('log')}
        </button>
        {(state === 'waiting' || state === 'running') && (
          <button
            className="button danger small"
            onClick={cancel}
            aria-label={`${say('act.cancelRun')}: ${name} ${runId}`}
          >
            {say('cancel')}
          </button>
        )}
      </td>
    </tr>
  );
}

function Progress({ run: { state, progress, progressText } }: Pick<RunRowProps, 'run'>) {
  if (state !== 'running') return '–';
  const percent = Math.round(progress * 100);
  return (
    <span>
      <progress value={progress} max={1} aria-label={`${percent} %`} /> {progressText ?? `${percent} %`}
    </span>
  );
}

interface RunLogProps extends Pick<RunTableProps, 'client' | 'explain'> {
  readonly runId: number;
  readonly onClose: () => void;
}

function RunLog({ runId, client, explain, onClose }: RunLogProps) {
  const say = useConsoleWords();
  const ask = useCallback((signal: AbortSignal) => client.getJobRun({ runId }, { signal }), [client, runId]);
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  if (!answer) return <LoadFailed error={error} explain={explain} onRetry={refresh} />;
  const { lines } = answer;
  return (
    <div className="job-log" data-testid="run-log">
      <h3 id="log-title">{say('log.of', { run: runId })}</h3>
      {lines.length === 0 ? (
        <p className="hint">{say('log.none')}</p>
      ) : (
        <pre tabIndex={0} aria-labelledby="log-title">
          {lines.map(({ atMs, text }) => `${new Date(atMs).toISOString()} ${text}`).join('\n')}
        </pre>
      )}
      <button className="button small" onClick={onClose}>
        {say('close')}
      </button>
    </div>
  );
}
