import { parseArgs } from 'node:util';
import { CodedError } from '@gala/lib/error';
import type { AnswerOf } from '@gala/sdk/room';
import { asOperator } from './client.ts';
import { cliErrors } from './errors.ts';

type Stream = AnswerOf<'listStreams'>['streams'][number];

const columns = [
  'ROOM',
  'HOST',
  'STATE',
  'VIEWERS',
  'IN',
  'OUT',
  'FPS',
  'GOP',
  'PUBLISHER',
  'EDGES',
] as const;

/** `gala streams`: what is on air over all edges, most viewers first. */
export async function streams(): Promise<void> {
  const { streams: listed, total, unreachable } = await asOperator((client) => client.listStreams({}));
  const rows = [columns, ...listed.map(rowOf)];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    );
  }
  if (total > listed.length) console.log(`${total - listed.length} more`);
  if (unreachable.length > 0) console.log(`no answer from ${unreachable.join(', ')}`);
}

/** `gala kick <roomId> [viewerId] --reason R`: closes the publisher, or one viewer. */
export async function kick(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { reason: { type: 'string' } },
  });
  const [roomId, viewerId] = positionals;
  const { reason } = values;
  if (!roomId || !reason) {
    throw new CodedError(cliErrors, 'USAGE', { detail: 'gala kick <roomId> [viewerId] --reason <text>' });
  }
  const { kicked } = await asOperator((client) =>
    viewerId ? client.kickViewer({ roomId, viewerId, reason }) : client.kickPublisher({ roomId, reason }),
  );
  console.log(kicked ? 'closed' : 'was gone already');
}

function rowOf({ roomId, hostName, state, viewers, media, publisher, edges }: Stream): readonly string[] {
  return [
    String(roomId),
    hostName,
    state,
    String(viewers),
    megabits(media.bitsInPerSecond),
    megabits(media.bitsOutPerSecond),
    String(media.framesPerSecond),
    `${media.gopMs / 1000} s`,
    publisher?.address ?? '-',
    edges.map(({ edgeId }) => edgeId).join(' '),
  ];
}

function megabits(bitsPerSecond: number): string {
  return `${(bitsPerSecond / 1e6).toFixed(2)} Mbps`;
}
