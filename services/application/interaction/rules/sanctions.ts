/** A muted user may not comment, a banned one not enter; what a shadowed one says only he himself is told. */
export const sanctionKinds = ['mute', 'ban', 'shadow'] as const;
export type SanctionKind = (typeof sanctionKinds)[number];

/** At most one of a kind for each user, at one host or in the whole installation. */
export interface Sanction {
  readonly userId: number;
  readonly kind: SanctionKind;
  /** 0: until it is taken back. */
  readonly untilMs: number;
}

/** When a sanction of this kind ends: 0 for never, undefined for none that holds now. */
export function untilOf(
  sanctions: readonly Sanction[],
  { kind, nowMs }: { readonly kind: SanctionKind; readonly nowMs: number },
): number | undefined {
  const found = sanctions.find((each) => each.kind === kind && (each.untilMs === 0 || each.untilMs > nowMs));
  return found?.untilMs;
}

const none: readonly Sanction[] = [];

/** Sanctions of a host; as many as the store keeps. */
export class Sanctions {
  readonly #byUser = new Map<number, readonly Sanction[]>();

  constructor(sanctions: Iterable<Sanction>) {
    for (const sanction of sanctions) this.put(sanction);
  }

  of(userId: number): readonly Sanction[] {
    return this.#byUser.get(userId) ?? none;
  }

  put(sanction: Sanction): void {
    const others = this.of(sanction.userId).filter(({ kind }) => kind !== sanction.kind);
    this.#byUser.set(sanction.userId, [...others, sanction]);
  }

  /** False when there was none. */
  delete(userId: number, kind: SanctionKind): boolean {
    const all = this.of(userId);
    const others = all.filter((each) => each.kind !== kind);
    if (others.length > 0) this.#byUser.set(userId, others);
    else this.#byUser.delete(userId);
    return others.length < all.length;
  }
}
