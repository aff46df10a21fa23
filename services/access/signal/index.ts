import type { Role } from '@gala/lib/lifecycle';

/** Long-lived connections of viewers: what rooms say goes out, what viewers say comes in. */
export const role: Role = {
  name: 'signal',
  start: () => Promise.resolve(new AsyncDisposableStack()),
};
