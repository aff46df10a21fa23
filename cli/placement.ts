import { platform } from 'node:process';
import { CodedError } from '@gala/lib/error';
import { cliErrors } from './errors.ts';

/** Which roles share a process (overview.md, "Threads and processes"). */
export interface ProcessPlan {
  readonly name: string;
  readonly roles: readonly RoleName[];
  /** Added to the niceness of the process; media and front go first. */
  readonly nice?: number;
}

/** In the order in which a process starts them: a role may call those before it. */
export const roleNames = [
  'account',
  'reader',
  'room',
  'interaction',
  'edge',
  'gateway',
  'signal',
  'scheduler',
] as const;
export type RoleName = (typeof roleNames)[number];

const placements = {
  default: [
    { name: 'front', roles: ['account', 'reader', 'room', 'interaction', 'gateway', 'signal'] },
    { name: 'media', roles: ['edge'] },
    { name: 'back', roles: ['scheduler'], nice: 5 },
  ],
  one: [{ name: 'one', roles: [...roleNames] }],
  // Two that listen on `web`, which is one port, share a process.
  split: roleNames.flatMap((role) => {
    if (role === 'signal') return [];
    return [{ name: role, roles: role === 'gateway' ? ['gateway', 'signal'] : [role] }];
  }),
} as const satisfies Record<string, readonly ProcessPlan[]>;

export type PlacementName = keyof typeof placements;

/**
 * The processes of a placement, with as many edges as are wanted: `media`, `media-2` and so on. They share the ports
 * of the edge, and the kernel spreads the connections.
 * @throws CodedError EDGES_UNSUPPORTED
 */
export function plansOf(placement: PlacementName, edgeProcesses: number): readonly ProcessPlan[] {
  assertEdges(edgeProcesses);
  if (edgeProcesses > 1 && placement === 'one') {
    throw new CodedError(cliErrors, 'EDGES_UNSUPPORTED', { detail: 'with --one there is one process' });
  }
  return placements[placement].flatMap((plan: ProcessPlan) => {
    if (!plan.roles.includes('edge')) return [plan];
    return Array.from({ length: edgeProcesses }, (_, index) =>
      index === 0 ? plan : { ...plan, name: `${plan.name}-${index + 1}` },
    );
  });
}

/** @throws CodedError EDGES_UNSUPPORTED where several processes cannot listen on one port */
export function assertEdges(edgeProcesses: number): void {
  if (edgeProcesses === 1 || platform === 'linux') return;
  throw new CodedError(cliErrors, 'EDGES_UNSUPPORTED', { detail: `the platform is ${platform}` });
}

export function isRoleName(text: string): text is RoleName {
  return (roleNames as readonly string[]).includes(text);
}
