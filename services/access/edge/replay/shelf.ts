import path from 'node:path';
import { readFolderBlobs, type BlobReader } from '@gala/lib/blob';
import { LoadingCache } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { CodedError, hasCode } from '@gala/lib/error';
import type { Client } from '@gala/lib/rpc';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { RecordingState, RoomState, Visibility, type Recording, type RoomService } from '@gala/protocol/room';
import type { RecordingFormat } from '../record/recording.ts';

/** A file of a recording, by what the room service says of it. */
export interface ShelfFile {
  readonly roomId: number;
  readonly startedAtMs: number;
  readonly format: RecordingFormat;
  readonly folder: string;
  /** It may still grow. */
  readonly isOpen: boolean;
}

export interface ReplayRoom {
  readonly isPrivate: boolean;
  /** Nothing comes any more. */
  readonly isOver: boolean;
  /** In the order of time. */
  readonly files: readonly ShelfFile[];
}

export interface ShelfOptions {
  readonly rooms: Client<typeof RoomService>;
  readonly clock: Clock;
  /** Where the folders of all processes lie. */
  readonly folder: string;
  readonly openedMax: number;
}

const roomsMax = 2_000;
const freshMs = 2_000;
/** While the room service is away, what was known of a room is good for this. */
const staleMsMax = 300_000;
/** Folders of processes that are kept open for reading. */
const foldersMax = 256;
const folderPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;

/** What there is to replay, and where: any process reads the folders of all processes of its machine. */
export class Shelf {
  readonly #options: ShelfOptions;
  readonly #rooms: LoadingCache<number, ReplayRoom | undefined>;
  readonly #readers = new Map<string, BlobReader>();

  constructor(options: ShelfOptions) {
    this.#options = options;
    const isKept = (room: ReplayRoom | undefined): boolean => room !== undefined;
    const { clock } = options;
    this.#rooms = new LoadingCache({ clock, entriesMax: roomsMax, ttlMs: freshMs, staleMsMax, isKept });
  }

  /** @throws CodedError REPLAY_UNKNOWN, UNAVAILABLE */
  async room(roomId: number): Promise<ReplayRoom> {
    const room = await this.#rooms
      .get(roomId, () => this.#load(roomId))
      .catch((cause: unknown) => {
        throw new CodedError(commonErrors, 'UNAVAILABLE', { cause, retryAfterSeconds: 1 });
      });
    if (!room || room.files.length === 0) throw new CodedError(edgeErrors, 'REPLAY_UNKNOWN');
    return room;
  }

  /** The folder that a file is in. */
  reader({ folder }: ShelfFile): BlobReader {
    const present = this.#readers.get(folder);
    if (present) return present;
    if (!folderPattern.test(folder)) throw new CodedError(edgeErrors, 'REPLAY_UNKNOWN');
    if (this.#readers.size >= foldersMax) this.#readers.clear();
    const { openedMax } = this.#options;
    const reader = readFolderBlobs({ folder: path.join(this.#options.folder, folder), openedMax });
    this.#readers.set(folder, reader);
    return reader;
  }

  async #load(roomId: number): Promise<ReplayRoom | undefined> {
    const { rooms } = this.#options;
    const asked = { roomId: BigInt(roomId) };
    try {
      const [{ room }, { recordings }] = await Promise.all([
        rooms.getRoom(asked),
        rooms.listRecordings(asked),
      ]);
      if (!room) return undefined;
      return {
        isPrivate: room.visibility !== Visibility.PUBLIC,
        isOver: room.state === RoomState.ENDED,
        files: recordings.flatMap(fileOf),
      };
    } catch (error) {
      if (hasCode(error, 'ROOM_UNKNOWN', 'INVALID_REQUEST')) return undefined;
      throw error;
    }
  }
}

function fileOf({ roomId, startedAtMs, format, folder, state }: Recording): ShelfFile[] {
  if (format !== 'mp4' && format !== 'flv') return [];
  const isOpen = state === RecordingState.RECORDING;
  return [{ roomId: Number(roomId), startedAtMs: Number(startedAtMs), format, folder, isOpen }];
}
