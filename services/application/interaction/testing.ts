import { Breakers } from '@gala/lib/breaker';
import { Caches } from '@gala/lib/cache';
import { systemClock } from '@gala/lib/clock';
import { openCollections } from '@gala/lib/collections';
import { loadSettings } from '@gala/lib/config';
import { coordMigrations, openPostgresCoord } from '@gala/lib/coord';
import { CodedError } from '@gala/lib/error';
import { eventlogMigrations, eventlogSection, openEventLog } from '@gala/lib/eventlog';
import type { Context } from '@gala/lib/lifecycle';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { createRpc, type Client, type Handlers, type Rpc } from '@gala/lib/rpc';
import { openSql, type DatabaseUrls } from '@gala/lib/sql';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { Tracer } from '@gala/lib/trace';
import { roomErrors } from '@gala/protocol/errors';
import { hostOfRoom } from '@gala/protocol/ids';
import { InteractionService } from '@gala/protocol/interaction';
import { RoomService, RoomState } from '@gala/protocol/room';
import { chatSection, interactionSection, migrations, role } from './index.ts';

/** The room service of a test: every room is live unless the test says otherwise. */
export class TestRooms {
  readonly ended = new Set<number>();
  readonly unknown = new Set<number>();
  announcement = '';
  reads = 0;

  get handlers(): Handlers<typeof RoomService> {
    const unused = async (): Promise<never> => {
      throw new CodedError(roomErrors, 'ROOM_UNKNOWN');
    };
    const served: Partial<Handlers<typeof RoomService>> = {
      getRoom: async ({ roomId }) => {
        this.reads++;
        if (this.unknown.has(Number(roomId))) throw new CodedError(roomErrors, 'ROOM_UNKNOWN');
        const state = this.ended.has(Number(roomId)) ? RoomState.ENDED : RoomState.LIVE;
        return { room: { roomId, hostId: BigInt(hostOfRoom(Number(roomId))), title: 'A show', state } };
      },
      getHost: async ({ hostId }) => ({ host: { hostId, name: 'anna', announcement: this.announcement } }),
    };
    const names = Object.keys(RoomService.method).map((name) => [name, unused] as const);
    return { ...(Object.fromEntries(names) as unknown as Handlers<typeof RoomService>), ...served };
  }
}

export interface TestProcess extends AsyncDisposable {
  readonly context: Context;
  readonly rpc: Rpc;
  readonly rooms: TestRooms;
  readonly interaction: Client<typeof InteractionService>;
  /** The value of a counter or gauge, from the text that is scraped. */
  metric(name: string): Promise<number>;
}

export interface TestProcessOptions {
  readonly urls: DatabaseUrls;
  readonly processId: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Without it the process is a caller alone. */
  readonly isOwner?: boolean;
}

export function startOwnersPostgres(): Promise<TestPostgres> {
  return startTestPostgres({ sets: [coordMigrations, eventlogMigrations, ...migrations] });
}

/** What one process of an installation has, on the real engines; its room service is the test's. */
export async function startTestProcess(options: TestProcessOptions): Promise<TestProcess> {
  const { urls, processId, env = {}, isOwner = true } = options;
  await using stack = new AsyncDisposableStack();
  const rooms = new TestRooms();
  const parts = await openParts(stack, { urls, processId, env });
  const { rpc, metrics } = parts;
  stack.use(await rpc.serve(RoomService, rooms.handlers));
  const context: Context = {
    ...parts,
    dataFolder: '',
    secrets: { operatorToken: '', clusterToken: '' },
    jobs: undefined as never,
    advertiseHost: '127.0.0.1',
    listener: () => Promise.reject(new Error('this test listens nowhere')),
    spawn: () => {
      throw new Error('this test starts no child');
    },
  };
  if (isOwner) stack.use(await role.start(context));
  const owned = stack.move();
  return {
    context,
    rpc,
    rooms,
    interaction: rpc.client(InteractionService),
    metric: async (name) =>
      Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(await metrics.text())?.[1]),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Tests say more at once than people do. */
const talkative = { GALA_CHAT_COMMENTS_PER_USER_BURST: '1000', GALA_CHAT_COMMENTS_PER_DEVICE_BURST: '1000' };

type Parts = Omit<Context, 'dataFolder' | 'secrets' | 'jobs' | 'advertiseHost' | 'listener' | 'spawn'>;

async function openParts(
  stack: AsyncDisposableStack,
  { urls, processId, env }: Required<Pick<TestProcessOptions, 'urls' | 'processId' | 'env'>>,
): Promise<Parts> {
  const clock = systemClock;
  const logger = createLogger({ name: processId, level: 'silent' });
  const metrics = createMetrics(processId);
  const settings = loadSettings([interactionSection, chatSection, eventlogSection], {
    env: { ...talkative, ...env },
  });
  const shared = { clock, logger, metrics };
  const sql = stack.use(await openSql({ urls, connectionsMax: 12, processName: processId, ...shared }));
  const database = sql.core();
  const coord = stack.use(await openPostgresCoord({ ...shared, database, processId }));
  const eventlog = stack.use(await openEventLog({ ...shared, settings, database, coord, processId }));
  const collections = stack.use(await openCollections(shared));
  const address = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1', port: 0, portSetting: 'none' };
  const clusterToken = 'cluster-token-of-tests';
  const rpc = stack.use(createRpc({ ...shared, ...address, memberId: processId, coord, clusterToken }));
  return {
    ...shared,
    processId,
    processName: 'test',
    settings,
    sql,
    coord,
    eventlog,
    collections,
    caches: stack.use(new Caches({ processId, clock, metrics })),
    breakers: new Breakers(shared),
    tracer: new Tracer({ ...shared, sampleShare: 1 }),
    rpc,
  };
}
