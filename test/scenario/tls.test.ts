import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { selfSigned } from '../../lib/http/testing/self-signed.ts';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser, readWatch, watchVideo } from '../harness/browser.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { Gala } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

/** Goal: with a certificate, pages, API and play addresses are all secure, and a browser plays them. */
describeWithEngines('TLS', ['chromium', 'ffmpeg'], () => {
  let folder: string;
  let gala: Gala;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gala-tls-'));
    const { cert, key } = selfSigned();
    const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    await writeFile(certPath, cert);
    await writeFile(keyPath, key);
    gala = await Gala.start({ env: { GALA_TLS_CERT: certPath, GALA_TLS_KEY: keyPath } });
  });
  afterAll(async () => {
    await gala[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test('an HTTPS page plays over WSS', async () => {
    const host = await gala.createHost('alice');
    const { rtmpUrl } = gala;
    await using _publisher = await FixturePublisher.start({ rtmpUrl, streamKey: host.streamKey });
    await using browser = await launchBrowser();
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    await watchVideo(page);
    await page.goto(`${gala.webUrl}/@alice`);
    const protocols = await page.evaluate(async () => {
      const answer = await fetch('/v1/rooms/@alice/enter');
      const { play } = (await answer.json()) as { play: { url: string }[] };
      return play.map(({ url }) => new URL(url).protocol);
    });
    expect(protocols).toEqual(['wss:', 'https:', 'https:', 'rtmp:']);
    await waitFor(async () => (await readWatch(page)).frames > 20, { what: 'pictures', timeoutMs: 15_000 });
    expect(await gala.viewersOf(host)).toMatchObject([{ framing: 'webSocket' }]);
  });

  test('ffmpeg publishes over RTMPS to the address that the host page shows', async () => {
    const host = await gala.createHost('bob');
    await using browser = await launchBrowser();
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    await page.goto(`${gala.webUrl}/host`);
    await page.getByLabel('Name').fill(host.name);
    await page.getByLabel('Password').fill(host.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    const shown = (await page.getByTestId('rtmps-url').textContent({ timeout: 15_000 })) ?? '';
    expect(shown).toContain(gala.rtmpsUrl);
    await using _publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpsUrl, streamKey: host.streamKey });
    const accepted = (): Promise<number> => gala.metric('gala_edge_publishes_accepted_total');
    await waitFor(async () => (await accepted()) === 2, { what: 'the publisher', timeoutMs: 15_000 });
    const { room } = await gala.operator.enterRoom({ roomRef: '@bob' });
    expect(room.state).toBe('live');
  });
});
