import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { frontGapMs, launchBrowser, watchFront, watchVideo } from '../harness/browser.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import type { Gala } from '../harness/gala.ts';
import { startEdges } from '../harness/two-edges.ts';
import { waitFor } from '../harness/wait.ts';

/** A change is seen as a stall when no new picture comes for so long; a busy machine is forgiven some. */
const gapMsMax = 700;

describeWithEngines('an edge is drained', ['chromium'], () => {
  test('from the console: who watches there goes on at the other edge without a stall', async () => {
    await using edges = await startEdges({ playAtSecond: true });
    const { gala, second } = edges;
    const { streamKey } = await gala.createHost('mira');
    await using _ = await FixturePublisher.start({ rtmpUrl: gala.rtmpUrl, streamKey });
    await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms.length > 0, { what: 'listed' });
    await using browser = await launchBrowser();
    const page = await browser.newPage({ locale: 'en-GB' });
    const sockets: string[] = [];
    page.on('websocket', (socket) => {
      const { host, pathname } = new URL(socket.url());
      // The chat has one of its own.
      if (pathname.startsWith('/live/')) sockets.push(host);
    });
    await watchVideo(page);
    await page.goto(`${gala.webUrl}/@mira`);
    await page.locator('[data-player-state="playing"]').waitFor();
    const secondHost = new URL(second.liveUrl).host;
    expect(sockets).toEqual([secondHost]);
    await watchFront(page);

    const edgeId = await drainRelay(gala, await browser.newPage({ locale: 'en-GB' }));
    await waitFor(() => sockets.length === 2, { what: 'a connection elsewhere' });
    expect(sockets[1]).toBe(new URL(gala.liveUrl).host);
    await waitFor(async () => (await edgeOf(gala, edgeId))?.viewers !== 1, { what: 'the first one closed' });
    const gapMs = await frontGapMs(page);
    console.log(`drain: longest time without a new picture ${Math.round(gapMs)} ms`);
    expect(gapMs).toBeLessThan(gapMsMax);
    await page.locator('[data-player-state="playing"][data-player-way="ws-flv"]').waitFor();
  });
});

/** Presses the button of the edge that relays the stream; its id. */
async function drainRelay(gala: Gala, page: Page): Promise<string> {
  const { streams } = await gala.operator.listStreams({});
  const edgeId = streams[0]?.edges.find(({ owner }) => !owner)?.edgeId ?? 'none relays';
  const token = (await readFile(join(gala.dataFolder, 'admin.token'), 'utf8')).trim();
  await page.goto(`${gala.webUrl}/console`);
  await page.getByLabel('Operator token').fill(token);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: `Drain edge: ${edgeId}` }).click();
  await page.getByLabel('Reason').fill('new version');
  await page.getByTestId('reason-yes').click();
  return edgeId;
}

async function edgeOf(gala: Gala, edgeId: string) {
  return (await gala.operator.listEdges()).edges.find((edge) => edge.edgeId === edgeId);
}
