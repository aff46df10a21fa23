import { expect, test } from 'vitest';
import { Gala } from '../harness/gala.ts';
import { Show } from '../harness/show.ts';
import { waitFor } from '../harness/wait.ts';

/**
 * Goal: an installation in one process does what one of several does.
 * Method: every role is asked for something: a host signs up, a stream is on air and read by others, a job runs.
 */
test('--one: all roles work in one process', async () => {
  await using gala = await Gala.start({ placement: 'one' });
  expect((await gala.processes()).map(({ name }) => name)).toEqual(['one']);
  await using show = await Show.start(gala, 'alone');
  const { rooms } = await gala.anyone.listLiveRooms({});
  expect(rooms).toMatchObject([{ roomId: show.roomId, hostName: 'alone' }]);
  expect(await show.room(gala)).toMatchObject({ state: 'live' });
  const { runId } = await gala.operator.runJobPlan({ planName: 'scheduler.forget', reason: 'test' });
  const isDone = async () => (await gala.operator.getJobRun({ runId })).run.state === 'done';
  await waitFor(isDone, { what: 'the run of a job', timeoutMs: 30_000 });
  expect(show.publisher.isClosed).toBe(false);
});
