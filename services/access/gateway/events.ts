import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

export type Events = ReturnType<typeof createEvents>;

const names = [
  'signedIn',
  'signInRefused',
  'hostCreated',
  'hostRepaired',
  'streamKeyRotated',
  'hostMediaPut',
  'recordingsDeleted',
  'roomEnded',
  'apiTokenCreated',
  'apiTokenRevoked',
  'issuerPut',
  'viewerKicked',
  'publisherKicked',
  'switchSet',
  'edgeDrained',
  'signalNodeDrained',
  'rateLimited',
  'partUnavailable',
  'requestFailed',
] as const;

/**
 * What happens at the door, one function each: a line and a counter. Single requests are no events;
 * refusals by a limit and calls of a part that is away are counted only: a line each would be the next flood.
 */
export function createEvents(logger: Logger, metrics: Metrics) {
  const counters = metrics.counters('gateway', names);
  const count = (name: (typeof names)[number], fields: object, text: string): void => {
    counters[name]++;
    logger.info(fields, text);
  };
  return {
    signedIn: (fields: { userId: number; address: string }) => count('signedIn', fields, 'signed in'),
    signInRefused: (fields: { code: string; address: string }) =>
      count('signInRefused', fields, 'sign-in refused'),
    hostCreated: (fields: HostFields) => count('hostCreated', fields, 'host created'),
    hostRepaired: (fields: HostFields) => count('hostRepaired', fields, 'half-made host completed'),
    streamKeyRotated: (fields: HostFields) => count('streamKeyRotated', fields, 'stream key rotated'),
    hostMediaPut: (fields: HostFields) => count('hostMediaPut', fields, 'media settings put'),
    recordingsDeleted: (fields: { roomId: number; by: number }) =>
      count('recordingsDeleted', fields, 'recordings deleted by request'),
    roomEnded: (fields: { roomId: number; by: number }) =>
      count('roomEnded', fields, 'room ended by request'),
    apiTokenCreated: (fields: TokenFields) => count('apiTokenCreated', fields, 'API token created'),
    apiTokenRevoked: (fields: TokenFields) => count('apiTokenRevoked', fields, 'API token revoked'),
    issuerPut: (fields: { issuer: string; by: number }) => count('issuerPut', fields, 'partner issuer put'),
    viewerKicked: (fields: KickFields & { viewerId: string }) =>
      count('viewerKicked', fields, 'viewer kicked by request'),
    publisherKicked: (fields: KickFields) => count('publisherKicked', fields, 'publisher kicked by request'),
    switchSet: (fields: SwitchFields) => count('switchSet', fields, 'switch set'),
    edgeDrained: (fields: { edgeId: string; by: number; reason: string }) =>
      count('edgeDrained', fields, 'edge drained by request'),
    signalNodeDrained: (fields: { nodeId: string; by: number; reason: string }) =>
      count('signalNodeDrained', fields, 'signal node drained by request'),
    rateLimited: (): void => void counters.rateLimited++,
    partUnavailable: (): void => void counters.partUnavailable++,
    requestFailed: (fields: { operation: string; error: unknown }): void => {
      counters.requestFailed++;
      logger.error(fields, 'request failed');
    },
  };
}

interface SwitchFields {
  readonly switch: string;
  readonly state: string;
  readonly untilMs: number;
  readonly by: string;
  readonly reason: string;
}

interface HostFields {
  readonly hostId: number;
  /** User id of who asked; 0 for the operator token. */
  readonly by: number;
}

interface KickFields {
  readonly roomId: number;
  readonly by: number;
  readonly reason: string;
  /** False: there was nobody. */
  readonly kicked: boolean;
}

interface TokenFields {
  readonly userId: number;
  readonly tokenId: string;
}
