import { coordMigrations } from '@gala/lib/coord';
import { eventlogMigrations } from '@gala/lib/eventlog';
import { jobMigrations } from '@gala/lib/jobs';
import type { Role } from '@gala/lib/lifecycle';
import type { MigrationSet } from '@gala/lib/sql';
import * as edge from '@gala/services/access/edge';
import * as gateway from '@gala/services/access/gateway';
import * as signal from '@gala/services/access/signal';
import * as account from '@gala/services/application/account';
import * as interaction from '@gala/services/application/interaction';
import * as room from '@gala/services/application/room';
import * as scheduler from '@gala/services/foundation/scheduler';
import type { RoleName } from './placement.ts';

/** Every role of Gala; the only place that knows them all. */
export const roles: Readonly<Record<RoleName, Role>> = {
  account: account.role,
  reader: room.readerRole,
  room: room.role,
  interaction: interaction.role,
  edge: edge.role,
  gateway: gateway.role,
  signal: signal.role,
  scheduler: scheduler.role,
};

/** What the roles and lib keep in the databases. */
export const migrations: readonly MigrationSet[] = [
  coordMigrations,
  eventlogMigrations,
  jobMigrations,
  ...account.migrations,
  ...room.migrations,
  ...interaction.migrations,
];
