import { useCallback, useState } from 'react';
import type { Stream } from '@gala/protocol/rest';
import type { ApiError, RoomClient } from '@gala/sdk/room';
import { Notice } from '../design/notice.tsx';
import { TableHead } from '../design/table-head.tsx';
import { Link } from '../shell/link.tsx';
import { usePoll } from '../shell/poll.ts';
import { formatBits, formatBytes, formatMs, formatRate } from './format.ts';
import { Figures, LoadFailed, Stale, Unreachable, When } from './parts.tsx';
import { ReasonDialog, type Action } from './reason-dialog.tsx';
import { ViewerTable, viewersPerPage } from './viewer-table.tsx';
import { useConsoleWords } from './words.tsx';

const refreshMs = 2_000;

interface StreamDetailProps {
  readonly client: RoomClient;
  readonly roomId: number;
  readonly explain: (error: ApiError) => string;
}

/** One stream, its classes and its viewers, and what an operator may do with them. */
export default function StreamDetail({ client, roomId, explain }: StreamDetailProps) {
  const say = useConsoleWords();
  const [offset, setOffset] = useState(0);
  const [action, setAction] = useState<Action>();
  const ask = useCallback(
    (signal: AbortSignal) => client.getStream({ roomId, limit: viewersPerPage, offset }, { signal }),
    [client, roomId, offset],
  );
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  if (error?.code === 'STREAM_UNKNOWN') return <Gone />;
  if (!answer) return <LoadFailed error={error} explain={explain} onRetry={refresh} />;
  const { stream, viewers, unreachable } = answer;
  const close = (): void => {
    setAction(undefined);
    refresh();
  };
  return (
    <>
      {error && <Stale cause={explain(error)} />}
      <Unreachable processes={unreachable} />
      <StreamHead stream={stream} client={client} onAction={setAction} />
      <StreamFigures stream={stream} />
      <Classes classes={stream.classes} />
      <ViewerTable
        viewers={viewers}
        total={stream.viewers}
        offset={offset}
        onOffset={setOffset}
        onKick={({ viewerId, address }) =>
          setAction({
            name: say('act.kickViewer'),
            ask: say('act.kickViewer.ask', { address }),
            run: (reason) => client.kickViewer({ roomId, viewerId, reason }),
          })
        }
      />
      {action && <ReasonDialog action={action} onClose={close} />}
    </>
  );
}

function Gone() {
  const say = useConsoleWords();
  return (
    <Notice title={say('title')} text={say('gone')} testId="stream-gone">
      <Link to="/console" className="button primary">
        {say('back')}
      </Link>
    </Notice>
  );
}

interface StreamHeadProps {
  readonly stream: Stream;
  readonly client: RoomClient;
  readonly onAction: (action: Action) => void;
}

function StreamHead({ stream, client, onAction }: StreamHeadProps) {
  const say = useConsoleWords();
  const { roomId, hostName, state, visibility, provisional } = stream;
  const endRoom: Action = {
    name: say('act.endRoom'),
    ask: say('act.endRoom.ask', { host: hostName }),
    run: (reason) => client.endRoom({ roomId, reason }),
  };
  const kickPublisher: Action = {
    name: say('act.kickPublisher'),
    ask: say('act.kickPublisher.ask', { host: hostName }),
    run: (reason) => client.kickPublisher({ roomId, reason }),
  };
  return (
    <div className="console-head">
      <p>
        <Link to="/console" className="plain">
          ← {say('back')}
        </Link>
      </p>
      <h1>
        {hostName} <small>{roomId}</small>
      </h1>
      <p>
        <span className={`state-dot is-${state}`}>{say(`state.${state}`)}</span>
        {visibility === 'private' && <span>{say('private')}</span>}
        {provisional && <span className="warns">{say('provisional')}</span>}
      </p>
      <div className="actions">
        <Link to={`/room/${roomId}`} className="button small">
          {say('watch')}
        </Link>
        {stream.publisher && (
          <button
            className="button danger small"
            onClick={() => onAction(kickPublisher)}
            data-testid="kick-publisher"
          >
            {kickPublisher.name}
          </button>
        )}
        <button className="button danger small" onClick={() => onAction(endRoom)} data-testid="end-room">
          {endRoom.name}
        </button>
      </div>
    </div>
  );
}

function StreamFigures({ stream }: { readonly stream: Stream }) {
  const say = useConsoleWords();
  const { media, publisher, edges } = stream;
  return (
    <>
      <Figures
        figures={[
          [say('viewers'), String(stream.viewers)],
          [say('bitsIn'), formatBits(media.bitsInPerSecond)],
          [say('bitsOut'), formatBits(media.bitsOutPerSecond)],
          [say('fps'), formatRate(media.framesPerSecond)],
          [say('gop'), formatMs(media.gopMs)],
          [say('drift'), formatMs(media.driftMs)],
          [say('rtt'), formatMs(publisher?.rttMs)],
        ]}
      />
      <dl className="facts">
        <dt>{say('publisher')}</dt>
        <dd>{publisher?.address ?? say('publisher.none')}</dd>
        <dt>{say('since')}</dt>
        <dd>
          <When timeMs={stream.beganAtMs} />
        </dd>
        <dt>{say('edge')}</dt>
        <dd>
          {edges
            .map(({ edgeId, owner, viewers }) => `${edgeId} (${say(owner ? 'owner' : 'relay')}, ${viewers})`)
            .join(', ')}
        </dd>
        <dt>{say('gopBytes')}</dt>
        <dd>{formatBytes(media.gopBytes)}</dd>
        <dt>{say('jitter')}</dt>
        <dd>{formatMs(media.jitterMs)}</dd>
        <dt>{say('skew')}</dt>
        <dd>{formatMs(media.skewMs)}</dd>
        <dt>{say('jumps')}</dt>
        <dd>{media.timestampJumps}</dd>
        <dt>{say('epoch')}</dt>
        <dd>{stream.epoch}</dd>
      </dl>
    </>
  );
}

function Classes({ classes }: Pick<Stream, 'classes'>) {
  const say = useConsoleWords();
  if (classes.length === 0) return null;
  return (
    <section aria-labelledby="classes-title">
      <h2 id="classes-title">{say('classes')}</h2>
      <div className="table-scroll" role="region" aria-labelledby="classes-title" tabIndex={0}>
        <table className="table">
          <TableHead
            columns={[
              { name: say('class') },
              { name: say('viewers'), isNumber: true },
              { name: say('framings') },
              { name: say('sent'), isNumber: true },
              { name: say('shed'), isNumber: true },
              { name: say('evicted'), isNumber: true },
            ]}
          />
          <tbody>
            {classes.map((each) => (
              <tr key={each.latency}>
                <th scope="row">{each.latency}</th>
                <td className="number">{each.viewers}</td>
                <td>{each.framings.map(({ framing, viewers }) => `${framing} ${viewers}`).join(', ')}</td>
                <td className="number">{formatBytes(each.bytesOut)}</td>
                <td className="number">
                  {each.disposableShed} / {each.picturesShed} / {each.batchesShed}
                </td>
                <td className="number">{each.viewersEvicted}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
