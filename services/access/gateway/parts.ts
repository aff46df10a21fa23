import type { Clock } from '@gala/lib/clock';
import type { Client } from '@gala/lib/rpc';
import type { AccountService } from '@gala/protocol/account';
import type { RoomService } from '@gala/protocol/room';
import type { GatewayConfig } from './config.ts';
import type { Events } from './events.ts';

/** What the operations are made of. */
export interface Parts {
  readonly account: Client<typeof AccountService>;
  readonly room: Client<typeof RoomService>;
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly events: Events;
}
