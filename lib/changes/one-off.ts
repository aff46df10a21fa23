import type { Database } from '../sql/index.ts';
import type { Message } from './pgoutput.ts';
import { Replication } from './replication.ts';

export interface OneOffOptions {
  readonly database: Database;
  readonly publication: string;
  /** Of the temporary slot, unique on the server. */
  readonly slot: string;
  readonly values: 'text' | 'typed';
}

export interface StreamHandlers {
  onMessage(message: Message): void;
  onEnd(error: Error | undefined): void;
}

/** A snapshot of a database and, from exactly there on, its changes. */
export interface SnapshotAndFeed extends AsyncDisposable {
  /** For `set transaction snapshot` in other connections, until `stream` is called. */
  readonly snapshot: string;
  stream(handlers: StreamHandlers): Promise<Replication>;
}

/**
 * Opens a temporary slot with its snapshot: what a one-off copy needs that shall miss nothing. Nothing is left behind
 * when it is disposed of or its process dies. Errors: those of the database (53400: no slot is free).
 */
export async function openSnapshotAndFeed(options: OneOffOptions): Promise<SnapshotAndFeed> {
  const client = await options.database.openReplication();
  let replication: Replication | undefined;
  try {
    const { rows } = await client.query<{ snapshot_name: string; consistent_point: string }>(
      `CREATE_REPLICATION_SLOT "${options.slot}" TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')`,
    );
    return {
      snapshot: rows[0].snapshot_name,
      stream: async (handlers) => {
        replication = await Replication.open({
          ...options,
          ...handlers,
          client,
          startLsn: rows[0].consistent_point,
        });
        return replication;
      },
      [Symbol.asyncDispose]: async () => {
        if (replication) replication.close();
        else await client.end().catch(() => undefined);
      },
    };
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}
