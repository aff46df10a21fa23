import { expect, test } from 'vitest';
import type { EnterAnswer, Room } from '@gala/protocol/rest';
import {
  failureCauses,
  initialState,
  isFinal,
  reducePlayer,
  type PlayerEvent,
  type PlayerState,
} from './state.ts';

const room: Room = {
  roomId: 7,
  hostId: 1,
  hostName: 'mira',
  title: '',
  state: 'live',
  visibility: 'public',
  viewers: 3,
  createdAtMs: 0,
};
const host = {
  hostId: 1,
  name: 'mira',
  title: '',
  visibility: 'public',
  createdAtMs: 0,
  sessionCount: 1,
} as const;
const answer: EnterAnswer = { room, host, play: [] };
const frame = { type: 'frame', front: 0, way: 'ws-flv' } as const;
const run = (events: readonly PlayerEvent[], from: PlayerState = initialState): PlayerState =>
  events.reduce(reducePlayer, from);
const watching = run([{ type: 'connect' }, { type: 'entered', answer }, frame]);

test('enter, then the first frame: playing', () => {
  expect(run([{ type: 'connect' }, { type: 'entered', answer }])).toMatchObject({
    phase: 'connecting',
    room,
  });
  expect(watching).toMatchObject({ phase: 'playing', cause: undefined, attempt: 0, pictured: true });
});

test('a held room says so, and plays again when the host is back', () => {
  const held = run([{ type: 'room', room: { ...room, state: 'hold' } }], watching);
  expect(held.phase).toBe('held');
  expect(run([{ type: 'room', room }], held).phase).toBe('playing');
});

test('who enters a held room sees it held with the first frame', () => {
  const held = { ...answer, room: { ...room, state: 'hold' as const } };
  expect(run([{ type: 'connect' }, { type: 'entered', answer: held }, frame]).phase).toBe('held');
});

test('a lost connection keeps its picture and its cause until a frame comes', () => {
  const lost = run([{ type: 'closed', cause: 'network-lost' }, { type: 'connect' }], watching);
  expect(lost).toMatchObject({ phase: 'reconnecting', cause: 'network-lost', pictured: true, attempt: 1 });
  expect(run([frame], lost)).toMatchObject({ phase: 'playing', cause: undefined, attempt: 0 });
});

test('the state of the room changes nothing while there is no picture', () => {
  const lost = run([{ type: 'closed', cause: 'edge-full' }], watching);
  expect(run([{ type: 'room', room: { ...room, viewers: 9 } }], lost)).toMatchObject({
    phase: 'reconnecting',
    room: { viewers: 9 },
  });
});

test('the end of the room ends the picture, and stays the thing to read while the page waits', () => {
  const ended = run([{ type: 'room', room: { ...room, state: 'ended' } }], watching);
  expect(ended).toMatchObject({ phase: 'ended', cause: 'room-ended', pictured: false });
  const waiting = run([{ type: 'connect' }, { type: 'closed', cause: 'not-on-air' }], ended);
  expect(waiting).toMatchObject({ phase: 'ended', cause: 'room-ended' });
  expect(run([{ type: 'connect' }, { type: 'entered', answer }, frame], waiting).phase).toBe('playing');
});

test('every cause has a phase of its own kind', () => {
  const phases = failureCauses.map((cause) => [cause, run([{ type: 'closed', cause }]).phase]);
  expect(Object.fromEntries(phases)).toEqual({
    'room-unknown': 'failed',
    'host-unknown': 'failed',
    'not-on-air': 'offline',
    'room-ended': 'ended',
    'room-private': 'failed',
    'edge-full': 'reconnecting',
    'network-lost': 'reconnecting',
    'edge-unreachable': 'reconnecting',
    'rate-limited': 'reconnecting',
    'server-trouble': 'reconnecting',
    'media-broken': 'reconnecting',
    'browser-unable': 'failed',
    'codec-missing': 'failed',
  });
});

test('failed and ended are final, everything else is tried again', () => {
  for (const cause of failureCauses) {
    const { phase } = run([{ type: 'closed', cause }]);
    expect(isFinal(cause)).toBe(phase === 'failed' || phase === 'ended');
  }
});

test('the ways that failed are shown with the one that is tried, until there is a picture', () => {
  const failures = [{ protocol: 'ws-flv', cause: 'unreachable' }] as const;
  const trying = run([{ type: 'connect' }, { type: 'ways', trying: 'http-flv', failures }]);
  expect(trying).toMatchObject({ phase: 'connecting', trying: 'http-flv', failures });
  const playing = run([{ ...frame, way: 'http-flv' }], trying);
  expect(playing).toMatchObject({ phase: 'playing', way: 'http-flv', trying: undefined, failures });
  expect(run([{ type: 'ways', trying: 'ws-flv', failures: [] }]).trying).toBeUndefined();
});

test('a change leaves the picture alone until the new one is in front', () => {
  const changing = run([{ type: 'change', change: 'pending' }], watching);
  expect(changing).toMatchObject({ phase: 'playing', front: 0, change: 'pending' });
  expect(run([{ ...frame, front: 1 }], changing)).toMatchObject({
    phase: 'playing',
    front: 1,
    change: 'none',
  });
  expect(run([{ type: 'change', change: 'failed' }], changing)).toMatchObject({ phase: 'playing', front: 0 });
});

test('codecs that are missing come with their cause and go with the next one', () => {
  const missing = [{ name: 'HEVC', kind: 'video' }] as const;
  const lacking = run([{ type: 'closed', cause: 'codec-missing', missing }]);
  expect(lacking).toMatchObject({ phase: 'failed', missing });
  expect(run([{ type: 'closed', cause: 'network-lost' }], lacking).missing).toEqual([]);
});
