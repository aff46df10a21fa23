import type { PlayPreference } from '../player/support.ts';
import { go } from '../shell/navigation.ts';
import { pathBelowBase } from '../shell/route.ts';

/** A choice is part of the address, so that it can be kept and passed on; undefined is what everybody gets. */
export function choosePreference(name: keyof PlayPreference, value: string | undefined): void {
  const query = new URLSearchParams(location.search);
  if (value === undefined) query.delete(name);
  else query.set(name, value);
  go(`${pathBelowBase()}${query.size === 0 ? '' : `?${query.toString()}`}`, { replace: true });
}
