import { availableParallelism } from 'node:os';
import { serverLogPrefix } from './server-log.ts';

export interface ServerSettingsOptions {
  /** Sum of the budgets of all processes, replication and tools included. */
  readonly connectionsMax: number;
  /** Only for tests: loses data with the machine. */
  readonly volatile: boolean;
}

/**
 * `gala.conf`: the whole configuration of the embedded server, for a small machine that also runs
 * everything else. Nothing of initdb's `postgresql.conf` is used, so that this text says it all.
 */
export function serverSettings({ connectionsMax, volatile }: ServerSettingsOptions): string {
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: connectionsMax,
    superuser_reserved_connections: 3,
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    // Memory: 20 MB idle; hot rows of a small site fit into 64 MB, the page cache does the rest.
    shared_buffers: '64MB',
    maintenance_work_mem: '32MB',
    work_mem: '4MB',
    io_method: 'sync',
    jit: 'off',
    max_parallel_workers: 2,
    // A large scan may take one core; a second one would take it from the media of a two-core machine.
    max_parallel_workers_per_gather: availableParallelism() > 2 ? 1 : 0,
    max_worker_processes: 8,
    // Logical decoding feeds the change log; a reader that stays away must not fill the disk.
    wal_level: 'logical',
    max_wal_senders: 10,
    max_replication_slots: 10,
    max_slot_wal_keep_size: '1GB',
    max_wal_size: '512MB',
    min_wal_size: '32MB',
    wal_compression: 'pglz',
    checkpoint_timeout: '15min',
    // Two workers are enough for small tables, and a dead client's locks must not outlive it for long.
    autovacuum_max_workers: 2,
    idle_in_transaction_session_timeout: '60s',
    client_connection_check_interval: '5s',
    // Statements may carry secrets: only what the server says of itself is logged.
    log_destination: 'stderr',
    logging_collector: 'off',
    log_line_prefix: serverLogPrefix,
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_checkpoints: 'off',
  };
  if (volatile) Object.assign(settings, { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' });
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value}'\n`)
    .join('');
}
