import type { Clock } from '@gala/lib/clock';
import type { Client } from '@gala/lib/rpc';
import type { Switches } from '@gala/lib/switches';
import type { Tracer } from '@gala/lib/trace';
import type { AccountService } from '@gala/protocol/account';
import type { CatalogService } from '@gala/protocol/catalog';
import type { EdgeService } from '@gala/protocol/edge';
import type { InteractionService } from '@gala/protocol/interaction';
import type { ModerationService } from '@gala/protocol/moderation';
import type { RoomService } from '@gala/protocol/room';
import type { SignalService } from '@gala/protocol/signal';
import type { SchedulerService } from '@gala/protocol/scheduler';
import type { TraceService } from '@gala/protocol/trace';
import type { switchTable } from '@gala/protocol/settings';
import type { GatewayConfig } from './config.ts';
import type { Events } from './events.ts';
import type { Spread } from './spread.ts';

/** What the operations are made of. */
export interface Parts {
  readonly account: Client<typeof AccountService>;
  readonly room: Client<typeof RoomService>;
  readonly catalog: Client<typeof CatalogService>;
  readonly scheduler: Client<typeof SchedulerService>;
  readonly moderation: Spread<typeof ModerationService>;
  readonly interaction: Spread<typeof InteractionService>;
  readonly signals: Spread<typeof SignalService>;
  readonly edges: Spread<typeof EdgeService>;
  /** Every process. */
  readonly traces: Spread<typeof TraceService>;
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly switches: Switches<typeof switchTable>;
  readonly tracer: Tracer;
  readonly events: Events;
}
