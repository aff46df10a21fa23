import type { StreamViewer } from '@gala/protocol/rest';
import { formatBytes } from './format.ts';
import { When } from './parts.tsx';
import { useConsoleWords } from './words.tsx';
import { TableHead } from '../design/table-head.tsx';

export const viewersPerPage = 100;

interface ViewerTableProps {
  readonly viewers: readonly StreamViewer[];
  /** Of all pages. */
  readonly total: number;
  readonly offset: number;
  readonly onOffset: (offset: number) => void;
  readonly onKick: (viewer: StreamViewer) => void;
}

/** A page of viewers; who joins or leaves meanwhile moves the others. */
export function ViewerTable({ viewers, total, offset, onOffset, onKick }: ViewerTableProps) {
  const say = useConsoleWords();
  return (
    <section aria-labelledby="viewers-title">
      <h2 id="viewers-title">{say('viewers')}</h2>
      {viewers.length === 0 ? (
        <p className="hint">{say('viewers.none')}</p>
      ) : (
        <div className="table-scroll" role="region" aria-labelledby="viewers-title" tabIndex={0}>
          <table className="table" data-testid="viewer-table">
            <TableHead
              columns={[
                { name: say('address') },
                { name: say('framing') },
                { name: say('latency') },
                { name: say('backlog'), isNumber: true },
                { name: say('state') },
                { name: say('joined') },
                { name: say('edge') },
              ]}
              actions={say('actions')}
            />
            <tbody>
              {viewers.map((viewer) => (
                <ViewerRow key={viewer.viewerId} viewer={viewer} onKick={onKick} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {total > viewersPerPage && <Pages total={total} offset={offset} onOffset={onOffset} />}
    </section>
  );
}

interface ViewerRowProps extends Pick<ViewerTableProps, 'onKick'> {
  readonly viewer: StreamViewer;
}

function ViewerRow({ viewer, onKick }: ViewerRowProps) {
  const say = useConsoleWords();
  return (
    <tr data-testid="viewer-row">
      <th scope="row">{viewer.address}</th>
      <td>{viewer.framing}</td>
      <td>{viewer.latency}</td>
      <td className="number">{formatBytes(viewer.backlogBytes)}</td>
      <td>{viewer.slow && <span className="warns">{say('slow')}</span>}</td>
      <td>
        <When timeMs={viewer.joinedAtMs} />
      </td>
      <td>{viewer.edgeId}</td>
      <td>
        <button
          className="button danger small"
          onClick={() => onKick(viewer)}
          aria-label={`${say('act.kickViewer')}: ${viewer.address}`}
        >
          {say('kick')}
        </button>
      </td>
    </tr>
  );
}

function Pages({ total, offset, onOffset }: Pick<ViewerTableProps, 'total' | 'offset' | 'onOffset'>) {
  const say = useConsoleWords();
  const to = Math.min(total, offset + viewersPerPage);
  return (
    <div className="actions">
      <button
        className="button small"
        disabled={offset === 0}
        onClick={() => onOffset(Math.max(0, offset - viewersPerPage))}
      >
        {say('page.previous')}
      </button>
      <span className="hint">{say('page.shown', { from: offset + 1, to, total })}</span>
      <button
        className="button small"
        disabled={to >= total}
        onClick={() => onOffset(offset + viewersPerPage)}
      >
        {say('page.next')}
      </button>
    </div>
  );
}
