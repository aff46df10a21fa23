import { expect, test } from 'vitest';
import { FixturePublisher, refusedPublish } from '../harness/fixture-publisher.ts';
import { Gala } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

/** An encoder is told within this time. */
const refusedMs = 1_000;

test('unknown and rotated keys: refused within a second, one line each, and no line holds a key', async () => {
  await using gala = await Gala.start();
  const { rtmpUrl } = gala;
  const host = await gala.createHost('keeper');
  const { streamKey } = await gala.operator.rotateHostStreamKey({ hostRef: '@keeper' });
  const secrets = ['A'.repeat(43), 'not-a-key-at-all', host.streamKey.split('.')[1], streamKey.split('.')[1]];
  const wrong = {
    unknown: `${host.hostId}.${secrets[0]}`,
    unknownHost: `99999999.${secrets[0]}`,
    malformed: secrets[1],
    rotated: host.streamKey,
  };
  for (const [name, key] of Object.entries(wrong)) {
    const linesBefore = gala.lines.length;
    const refusal = await refusedPublish({ rtmpUrl, streamKey: key });
    expect(refusal.error, name).toMatchObject({ code: 'RTMP_REFUSED', detail: 'NetStream.Publish.BadName' });
    expect(refusal.statuses.at(-1)?.description, name).toMatch(/^STREAM_KEY_WRONG: /);
    expect(refusal.tookMs, name).toBeLessThan(refusedMs);
    const told = () => gala.lines.slice(linesBefore).filter((line) => line.includes('STREAM_KEY_WRONG'));
    await waitFor(() => told().length > 0, { what: `a line about the ${name} key` });
    expect(told(), name).toHaveLength(1);
  }
  await using publisher = await FixturePublisher.start({ rtmpUrl, streamKey });
  const accepted = (line: string) => line.includes('publish accepted');
  await waitFor(() => gala.lines.some(accepted), { what: 'the new key to be accepted' });
  expect(publisher.isClosed).toBe(false);
  await gala.stop();
  const output = gala.lines.join('\n');
  for (const secret of secrets) expect(output).not.toContain(secret);
});
