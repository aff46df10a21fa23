import { useCallback, useMemo, useState } from 'react';
import type { Edge, Stream } from '@gala/protocol/rest';
import type { ApiError, RoomClient } from '@gala/sdk/room';
import { Link } from '../shell/link.tsx';
import { usePoll } from '../shell/poll.ts';
import { formatBits, formatMs, formatRate } from './format.ts';
import { Figures, LoadFailed, Stale, Unreachable, When } from './parts.tsx';
import { ReasonDialog, type Action } from './reason-dialog.tsx';
import { useConsoleWords } from './words.tsx';
import { TableHead } from '../design/table-head.tsx';

const refreshMs = 2_000;
const streamsMax = 200;

interface StreamListProps {
  readonly client: RoomClient;
  readonly explain: (error: ApiError) => string;
}

/** Everything that is on air, over all edges. */
export function StreamList({ client, explain }: StreamListProps) {
  const say = useConsoleWords();
  const ask = useCallback(
    async (signal: AbortSignal) => {
      const [{ streams, total, unreachable }, { edges }] = await Promise.all([
        client.listStreams({ limit: streamsMax }, { signal }),
        client.listEdges(undefined, { signal }),
      ]);
      return { streams, total, unreachable, edges };
    },
    [client],
  );
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const [action, setAction] = useState<Action>();
  if (!answer) return <LoadFailed error={error} explain={explain} onRetry={refresh} />;
  const { streams, total, edges, unreachable } = answer;
  return (
    <>
      {error && <Stale cause={explain(error)} />}
      <Unreachable processes={unreachable} />
      <h1>{say('title')}</h1>
      <Totals total={total} edges={edges} streams={streams} />
      <section aria-labelledby="streams-title">
        <h2 id="streams-title">{say('streams')}</h2>
        {streams.length === 0 ? (
          <p className="hint">{say('streams.none')}</p>
        ) : (
          <StreamTable streams={streams} />
        )}
        {total > streams.length && (
          <p className="hint">{say('streams.more', { shown: streams.length, total })}</p>
        )}
      </section>
      <section aria-labelledby="edges-title">
        <h2 id="edges-title">{say('edges')}</h2>
        <EdgeTable
          edges={edges}
          onDrain={({ edgeId }) =>
            setAction({
              name: say('act.drain'),
              ask: say('act.drain.ask', { edge: edgeId }),
              run: (reason) => client.drainEdge({ edgeId, reason }),
            })
          }
        />
      </section>
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

interface TotalsProps {
  readonly total: number;
  readonly edges: readonly Edge[];
  readonly streams: readonly Stream[];
}

function Totals({ total, edges, streams }: TotalsProps) {
  const say = useConsoleWords();
  const sum = (read: (edge: Edge) => number): number => edges.reduce((all, edge) => all + read(edge), 0);
  // What one edge relays to another came in once: at the edge of its publisher.
  const bitsIn = streams.reduce((all, { media }) => all + media.bitsInPerSecond, 0);
  return (
    <Figures
      figures={[
        [say('total.streams'), String(total)],
        [say('total.viewers'), String(sum(({ viewers }) => viewers))],
        [say('total.in'), formatBits(bitsIn)],
        [say('total.out'), formatBits(sum(({ bitsOutPerSecond }) => bitsOutPerSecond))],
      ]}
    />
  );
}

function StreamTable({ streams }: { readonly streams: readonly Stream[] }) {
  const say = useConsoleWords();
  return (
    <div className="table-scroll" role="region" aria-labelledby="streams-title" tabIndex={0}>
      <table className="table" data-testid="stream-table">
        <TableHead
          columns={[
            { name: say('host') },
            { name: say('state') },
            { name: say('viewers'), isNumber: true },
            { name: say('bitsIn'), isNumber: true },
            { name: say('fps'), isNumber: true },
            { name: say('gop'), isNumber: true },
            { name: say('drift'), isNumber: true },
            { name: say('rtt'), isNumber: true },
            { name: say('drops'), isNumber: true },
            { name: say('bitsOut'), isNumber: true },
            { name: say('edge') },
          ]}
        />
        <tbody>
          {streams.map((stream) => (
            <StreamRow key={stream.roomId} stream={stream} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function StreamRow({ stream }: { readonly stream: Stream }) {
  const say = useConsoleWords();
  const { roomId, hostName, state, viewers, media, publisher, edges, visibility } = stream;
  return (
    <tr data-testid="stream-row" data-room-id={roomId}>
      <th scope="row">
        <Link to={`/console/${roomId}`}>{hostName}</Link>
        <small>
          {roomId}
          {visibility === 'private' && ` · ${say('private')}`}
        </small>
      </th>
      <td>
        <span className={`state-dot is-${state}`}>{say(`state.${state}`)}</span>
      </td>
      <td className="number">{viewers}</td>
      <td className="number">{formatBits(media.bitsInPerSecond)}</td>
      <td className="number">{formatRate(media.framesPerSecond)}</td>
      <td className="number">{formatMs(media.gopMs)}</td>
      <td className="number">{formatMs(media.driftMs)}</td>
      <td className="number">{formatMs(publisher?.rttMs)}</td>
      <td className="number">
        <Drops classes={stream.classes} />
      </td>
      <td className="number">{formatBits(media.bitsOutPerSecond)}</td>
      <td>
        {edges.map(({ edgeId, owner, viewers: there }) => (
          <span key={edgeId} className="edge-name" title={`${say('viewers')}: ${there}`}>
            {edgeId} <small>{say(owner ? 'owner' : 'relay')}</small>
          </span>
        ))}
      </td>
    </tr>
  );
}

/** One number, by class in its tooltip and, in full, on the page of the stream. */
function Drops({ classes }: Pick<Stream, 'classes'>) {
  const say = useConsoleWords();
  const text = useMemo(
    () =>
      classes
        .map(({ latency, disposableShed, picturesShed, batchesShed, viewersEvicted }) =>
          say('drops.text', {
            latency,
            disposable: disposableShed,
            pictures: picturesShed,
            batches: batchesShed,
            evicted: viewersEvicted,
          }),
        )
        .join('\n'),
    [classes, say],
  );
  const drops = classes.reduce(
    (all, { disposableShed, picturesShed, batchesShed }) => all + disposableShed + picturesShed + batchesShed,
    0,
  );
  return (
    <span title={text} className={drops > 0 ? 'warns' : undefined}>
      {drops}
    </span>
  );
}

interface EdgeTableProps {
  readonly edges: readonly Edge[];
  readonly onDrain: (edge: Edge) => void;
}

function EdgeTable({ edges, onDrain }: EdgeTableProps) {
  const say = useConsoleWords();
  return (
    <div className="table-scroll" role="region" aria-labelledby="edges-title" tabIndex={0}>
      <table className="table" data-testid="edge-table">
        <TableHead
          columns={[
            { name: say('edge') },
            { name: say('since') },
            { name: say('streams'), isNumber: true },
            { name: say('viewers'), isNumber: true },
            { name: say('total.in'), isNumber: true },
            { name: say('total.out'), isNumber: true },
            { name: say('state') },
          ]}
          actions={say('actions')}
        />
        <tbody>
          {edges.map((edge) => (
            <tr key={edge.edgeId}>
              <th scope="row">{edge.edgeId}</th>
              <td>
                <When timeMs={edge.startedAtMs} />
              </td>
              <td className="number">{edge.streams}</td>
              <td className="number">{edge.viewers}</td>
              <td className="number">{formatBits(edge.bitsInPerSecond)}</td>
              <td className="number">{formatBits(edge.bitsOutPerSecond)}</td>
              <td>{edge.draining && <span className="warns">{say('draining')}</span>}</td>
              <td>
                {!edge.draining && (
                  <button
                    className="button danger small"
                    onClick={() => onDrain(edge)}
                    aria-label={`${say('act.drain')}: ${edge.edgeId}`}
                  >
                    {say('drain')}
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
