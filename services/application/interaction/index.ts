import type { Role } from '@gala/lib/lifecycle';

/** What is said in rooms: rules, order, counts and ranks. */
export const role: Role = {
  name: 'interaction',
  start: () => Promise.resolve(new AsyncDisposableStack()),
};
