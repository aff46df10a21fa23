import { CodedError, hasCode } from '@gala/lib/error';
import type { Client, Rpc } from '@gala/lib/rpc';
import type { Sql } from '@gala/lib/sql';
import { commonErrors } from '@gala/protocol/errors';
import { shardOfRoom, shardOfUser } from '@gala/protocol/ids';
import { ReaderService, type ReadHost, type ReadRoom } from '@gala/protocol/reader';
import type { HostProfile, Room } from '../room.ts';
import type { RowSource } from './db-reader.ts';
import { keysPerCallMax, readMsMax } from './limits.ts';
import { membersByRank } from './rendezvous.ts';
import { hostOfStored, roomOfStored } from './stored.ts';

interface Asked {
  readonly key: number;
  readonly leastVersion: number;
  readonly answer: PromiseWithResolvers<unknown>;
}

type Answer = Pick<ReadRoom | ReadHost, 'error'>;

interface Kind<Message extends Answer> {
  /** Names what the key is read from: keys of one lane share calls. */
  readonly laneOf: (key: number) => string;
  readonly call: (asked: readonly Asked[], member: string) => Promise<readonly Message[]>;
  readonly valueOf: (message: Message) => unknown;
}

/**
 * Rows by way of the readers: a key always goes to the same one of them, so that whoever asks for it meets all others
 * there. What is asked for in one turn of the loop goes in one call for each reader and database.
 */
export class ReaderClient implements RowSource {
  readonly #rpc: Rpc;
  readonly #rooms: Batches<ReadRoom>;
  readonly #hosts: Batches<ReadHost>;
  readonly #archived: Batches<ReadRoom>;

  constructor({ rpc, sql }: { readonly rpc: Rpc; readonly sql: Sql }) {
    this.#rpc = rpc;
    const client: Client<typeof ReaderService> = rpc.client(ReaderService);
    const rows = (asked: readonly Asked[]) =>
      asked.map(({ key, leastVersion }) => ({ id: BigInt(key), leastVersion: BigInt(leastVersion) }));
    const options = (member: string) => ({ member, timeoutMs: readMsMax });
    const members = () => this.#rpc.members(ReaderService);
    const roomOf = ({ room }: ReadRoom) => room && roomOfStored(room);
    this.#rooms = new Batches(members, {
      laneOf: (key) => sql.shard(shardOfRoom(key)).name,
      call: async (asked, member) => (await client.readRooms({ rooms: rows(asked) }, options(member))).rooms,
      valueOf: roomOf,
    });
    this.#archived = new Batches(members, {
      laneOf: () => 'archives',
      call: async (asked, member) =>
        (await client.readArchivedRooms({ rooms: rows(asked) }, options(member))).rooms,
      valueOf: roomOf,
    });
    this.#hosts = new Batches(members, {
      laneOf: (key) => sql.shard(shardOfUser(key)).name,
      call: async (asked, member) => (await client.readHosts({ hosts: rows(asked) }, options(member))).hosts,
      valueOf: ({ host }) => host && hostOfStored(host),
    });
  }

  /** @throws CodedError UNAVAILABLE, DEADLINE_EXCEEDED */
  room(roomId: number, leastVersion = 0): Promise<Room | undefined> {
    return this.#rooms.get(roomId, leastVersion) as Promise<Room | undefined>;
  }

  /** @throws CodedError UNAVAILABLE, DEADLINE_EXCEEDED */
  host(hostId: number, leastVersion = 0): Promise<HostProfile | undefined> {
    return this.#hosts.get(hostId, leastVersion) as Promise<HostProfile | undefined>;
  }

  /** @throws CodedError UNAVAILABLE, DEADLINE_EXCEEDED */
  archivedRoom(roomId: number): Promise<Room | undefined> {
    return this.#archived.get(roomId, 0) as Promise<Room | undefined>;
  }
}

/** Keys of one kind that wait for the end of this turn; whoever asks bounds how many (`LoadingCache`). */
class Batches<Message extends Answer> {
  readonly #members: () => Promise<readonly string[]>;
  readonly #kind: Kind<Message>;
  #waiting: Asked[] = [];

  constructor(members: () => Promise<readonly string[]>, kind: Kind<Message>) {
    this.#members = members;
    this.#kind = kind;
  }

  get(key: number, leastVersion: number): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>();
    if (this.#waiting.length === 0) setImmediate(() => void this.#send());
    this.#waiting.push({ key, leastVersion, answer });
    return answer.promise;
  }

  async #send(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      await this.#spread(waiting, await this.#members());
    } catch (error) {
      for (const { answer } of waiting) answer.reject(error);
    }
  }

  /** Rows of another database do not wait for one that hangs: each has calls of its own. */
  async #spread(waiting: readonly Asked[], members: readonly string[]): Promise<void> {
    if (members.length === 0) throw unavailable('no reader');
    const groups = Map.groupBy(waiting, ({ key }) => {
      const [first, second = first] = membersByRank(members, key);
      return JSON.stringify([first, second, this.#kind.laneOf(key)]);
    });
    const calls = [...groups].flatMap(([name, asked]) => {
      const [first, second] = JSON.parse(name) as [string, string];
      return chunks(asked).map((chunk) => this.#call(chunk, first, second));
    });
    await Promise.all(calls);
  }

  /** A reader that cannot be reached is stood in for by the next in rank, and by no other: callers go on meeting. */
  async #call(asked: readonly Asked[], first: string, second: string): Promise<void> {
    try {
      const answers = await this.#kind.call(asked, first).catch((error: unknown) => {
        if (first === second || !hasCode(error, 'UNAVAILABLE')) throw error;
        return this.#kind.call(asked, second);
      });
      for (const [index, { answer }] of asked.entries()) this.#settle(answer, answers[index]);
    } catch (error) {
      for (const { answer } of asked) answer.reject(error);
    }
  }

  #settle(answer: PromiseWithResolvers<unknown>, message: Message): void {
    if (message.error) answer.reject(unavailable(message.error));
    else answer.resolve(this.#kind.valueOf(message));
  }
}

function chunks(asked: readonly Asked[]): Asked[][] {
  const count = Math.ceil(asked.length / keysPerCallMax);
  return Array.from({ length: count }, (_, index) =>
    asked.slice(index * keysPerCallMax, (index + 1) * keysPerCallMax),
  );
}

function unavailable(detail: string): CodedError {
  return new CodedError(commonErrors, 'UNAVAILABLE', { detail, retryAfterSeconds: 1 });
}
