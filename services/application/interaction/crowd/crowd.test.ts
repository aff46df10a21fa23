import { ManualClock } from '@gala/lib/clock';
import { createMetrics } from '@gala/lib/metrics';
import { expect, test } from 'vitest';
import type { Draft, Speaker } from '../types.ts';
import { Crowd } from './crowd.ts';
import { openTestCollections } from './testing.ts';

const speaker = (userId: number): Speaker => ({
  userId,
  name: `user ${userId}`,
  role: 'viewer',
  device: `device ${userId}`,
  address: '192.0.2.1',
});
const like = (count: number): Draft => ({ type: 'like', class: 'ambient', signalId: '', count });

test('likes and ranks go on with the next owner of a room, and are counted', async () => {
  const clock = new ManualClock();
  await using collections = await openTestCollections(clock);
  const metrics = createMetrics('test');
  await using first = new Crowd({ collections, clock, metrics });
  const open = (crowd: Crowd, fence: number) => crowd.open({ roomId: 7, fence, onChange: () => undefined });
  const room = await open(first, 1);
  expect(room.heard(speaker(1), [like(30)])).toEqual([like(30)]);
  expect(room.heard(speaker(1), [like(300)])).toEqual([like(70)]);
  expect(room.heard(speaker(1), [like(1)])).toEqual([]);
  room.heard(speaker(2), [like(5)]);
  const comment: Draft = {
    type: 'comment',
    class: 'member',
    signalId: 'a',
    author: speaker(1),
    text: 'x',
    count: 1,
  };
  expect(room.heard(speaker(1), [comment])).toEqual([comment]);
  const told = Object.fromEntries(
    room.state.takeChanged(clock.nowMs()).map(({ name, value }) => [name, value]),
  );
  expect(told).toMatchObject({
    likes: { total: 105 },
    rank: {
      top: [
        { userId: 1, score: 100 },
        { userId: 2, score: 5 },
      ],
    },
  });
  room.merger.offer({ ...comment, offset: 1, atMs: 0 });
  room.merger.flush(0);
  await room.close('idle');
  expect((await collections.hashes.get('{room:7}:state', '1/value/likes'))?.toString()).toBe('{"total":105}');

  await using second = new Crowd({ collections, clock, metrics: createMetrics('other') });
  const next = await open(second, 2);
  expect(next.state.value('likes')).toEqual({ total: 105 });
  clock.advance(20_000);
  next.heard(speaker(2), [like(100)]);
  const again = next.state.takeChanged(clock.nowMs());
  expect(again.find(({ name }) => name === 'likes')?.value).toEqual({ total: 205 });
  await expect
    .poll(() => {
      clock.advance(3000);
      next.score(speaker(3), 1);
      next.state.takeChanged(clock.nowMs());
      return next.state.value('rank');
    })
    .toMatchObject({ top: [{ userId: 2, score: 105 }, { userId: 1, score: 100 }, { userId: 3 }] });
  await next.close('ended');
  const text = await metrics.text();
  expect(text).toContain('gala_interaction_likes_refused_total{process="test"} 231');
  expect(text).toMatch(/tick_signals_total\{class="member",tier="full",outcome="shown",.*\} 1\n/);
  expect(text).toMatch(/tick_signals_total\{class="member",tier="control",outcome="shed",.*\} 1\n/);
});
