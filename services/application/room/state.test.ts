import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decide,
  roomEvents,
  roomStates,
  standing,
  timeoutMs,
  type RoomEvent,
  type RoomState,
} from './state.ts';

/** Every cell as `next state/order`; a change of the table must be made here as well, on purpose. */
const expected: Record<RoomEvent, readonly [created: string, live: string, hold: string, ended: string]> = {
  admitted: ['live/goOn', 'live/goOn', 'live/goOn', 'ended/stop'],
  started: ['created/stop', 'live/goOn', 'live/goOn', 'ended/stop'],
  held: ['created/stop', 'hold/goOn', 'hold/goOn', 'ended/stop'],
  stopped: ['created/stop', 'ended/stop', 'ended/stop', 'ended/stop'],
  failed: ['created/stop', 'hold/goOn', 'hold/goOn', 'ended/stop'],
  takenOver: ['created/stop', 'live/goOn', 'hold/goOn', 'ended/stop'],
  carried: ['created/stop', 'live/goOn', 'live/goOn', 'ended/stop'],
  carriedHeld: ['created/stop', 'hold/goOn', 'hold/goOn', 'ended/stop'],
  missing: ['created/goOn', 'hold/goOn', 'hold/goOn', 'ended/stop'],
  edgeLost: ['created/goOn', 'hold/goOn', 'hold/goOn', 'ended/stop'],
  endAsked: ['ended/stop', 'ended/stop', 'ended/stop', 'ended/stop'],
  timedOut: ['ended/stop', 'hold/goOn', 'ended/stop', 'ended/stop'],
};

test.each(roomEvents)('%s has one answer in each state', (event) => {
  const cells = roomStates.map((state) => `${decide(state, event).to}/${decide(state, event).order}`);
  expect(cells).toEqual(expected[event]);
});

const state = fc.constantFrom(...roomStates);
const event = fc.constantFrom(...roomEvents);

test('a second telling of the same event changes nothing', () => {
  const idempotent = roomEvents.filter((name) => name !== 'timedOut');
  fc.assert(
    fc.property(state, fc.constantFrom(...idempotent), (from, what) => {
      const once = decide(from, what).to;
      expect(decide(once, what).to).toBe(once);
    }),
  );
});

test('after any history, silence ends every room within three time-outs, and nothing revives it', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 30 }), (history) => {
      let room: RoomState = 'created';
      for (const what of history) {
        const next: RoomState = decide(room, what).to;
        if (room === 'ended') expect(next).toBe('ended');
        if (next === 'ended' && room !== 'ended') expect(decide(room, what).endReason).toBeTruthy();
        room = next;
      }
      for (let timeouts = 0; timeouts < 3; timeouts++) room = decide(room, 'timedOut').to;
      expect(room).toBe('ended');
    }),
  );
});

test('every state but the last has a time-out', () => {
  const limits = { scheduleMsMax: 3, silentMsMax: 1, holdMs: 2 };
  expect(roomStates.map((name) => timeoutMs(name, limits))).toEqual([3, 1, 2, Infinity]);
});

test('only the newest epoch on its own edge is heard, and each of its reports once', () => {
  const row = { epoch: 4, edgeId: 'media-a', reportSequence: 2 };
  expect(standing(row, { ...row, reportSequence: 3 })).toBe('current');
  expect(standing(row, { ...row, reportSequence: 2 })).toBe('repeated');
  expect(standing(row, { ...row, epoch: 3, reportSequence: 9 })).toBe('stale');
  expect(standing(row, { ...row, epoch: 5, reportSequence: 9 })).toBe('stale');
  expect(standing(row, { ...row, edgeId: 'media-b', reportSequence: 9 })).toBe('stale');
});
