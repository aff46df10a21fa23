/** Which roles share a process (overview.md, "Threads and processes"). */
export interface ProcessPlan {
  readonly name: string;
  readonly roles: readonly RoleName[];
  /** Added to the niceness of the process; media and front go first. */
  readonly nice?: number;
}

/** In the order in which a process starts them: a role may call those before it. */
export const roleNames = ['account', 'room', 'edge', 'gateway'] as const;
export type RoleName = (typeof roleNames)[number];

export const placements = {
  default: [
    { name: 'front', roles: ['account', 'room', 'gateway'] },
    { name: 'media', roles: ['edge'] },
  ],
  one: [{ name: 'one', roles: [...roleNames] }],
  split: roleNames.map((role) => ({ name: role, roles: [role] })),
} as const satisfies Record<string, readonly ProcessPlan[]>;

export type PlacementName = keyof typeof placements;

export function isRoleName(text: string): text is RoleName {
  return (roleNames as readonly string[]).includes(text);
}
