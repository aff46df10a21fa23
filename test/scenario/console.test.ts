import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser } from '../harness/browser.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { FlvViewer } from '../harness/flv-viewer.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

describeWithEngines('the console', ['chromium'], () => {
  let gala: Gala;
  let host: TestHost;
  let publisher: FixturePublisher;
  let viewer: FlvViewer;
  let browser: Browser;
  let page: Page;
  let roomId: number;

  beforeAll(async () => {
    gala = await Gala.start();
    host = await gala.createHost('mira');
    publisher = await FixturePublisher.start({ rtmpUrl: gala.rtmpUrl, streamKey: host.streamKey });
    const room = await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms[0], {
      what: 'listed',
    });
    roomId = room.roomId;
    viewer = await FlvViewer.open(`${gala.liveUrl}/live/${roomId}.flv?latency=realtime`);
    browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
    page = await context.newPage();
    await page.goto(`${gala.webUrl}/console`);
  });
  afterAll(async () => {
    await browser.close();
    await viewer[Symbol.asyncDispose]();
    await publisher[Symbol.asyncDispose]();
    await gala[Symbol.asyncDispose]();
  });

  test('it opens with the operator token, and with nothing else', async () => {
    await page.getByLabel('Operator token').fill('not-the-token');
    await page.keyboard.press('Enter');
    await page.getByTestId('token-error').waitFor();
    const token = (await readFile(join(gala.dataFolder, 'admin.token'), 'utf8')).trim();
    await page.getByLabel('Operator token').fill(token);
    await page.keyboard.press('Enter');
    await page.getByTestId('console').waitFor();
    await page.reload();
    await page.getByTestId('stream-row').waitFor();
  });

  test('the list shows what the edge measures', async () => {
    const row = page.locator(`[data-room-id="${roomId}"]`);
    await waitFor(async () => /mira[^]*live[^]*1[^]*kb\/s[^]*25[^]*owner/.test(await row.innerText()), {
      what: 'figures of the stream',
    });
    expect(await page.getByTestId('edge-table').innerText()).toContain('media');
  });

  test('a viewer is shown with its class, and kicked for a reason', async () => {
    await page.getByRole('link', { name: 'mira' }).click();
    await waitFor(async () => /flv\s+realtime/.test(await page.getByTestId('viewer-row').innerText()), {
      what: 'the viewer',
    });
    await page.getByRole('button', { name: /Kick viewer/ }).click();
    const yes = page.getByTestId('reason-yes');
    await yes.click();
    expect(viewer.isEnded).toBe(false);
    await page.getByLabel('Reason').fill('test of the console');
    await yes.click();
    await waitFor(() => viewer.isEnded, { what: 'the viewer closed' });
    await page.getByText('Nobody watches.').waitFor();
    await waitFor(() => gala.lines.some((line) => line.includes('test of the console')), {
      what: 'the reason in the log',
    });
  });

  test('the publisher is kicked and the room is held; then the room is ended', async () => {
    await page.getByTestId('kick-publisher').click();
    await page.getByLabel('Reason').fill('kicked');
    await page.getByTestId('reason-yes').click();
    await waitFor(() => publisher.isClosed, { what: 'the publisher closed' });
    await page.getByText('gone; the room is held').waitFor();
    await page.getByTestId('end-room').click();
    await page.getByLabel('Reason').fill('ended');
    await page.getByTestId('reason-yes').click();
    await page.getByTestId('stream-gone').waitFor();
    expect((await gala.operator.getRoom({ roomId })).room.state).toBe('ended');
  });

  test('a token that is forgotten opens nothing any more', async () => {
    await page.getByRole('button', { name: 'Forget the token' }).click();
    await page.getByTestId('token-form').waitFor();
    await page.reload();
    await page.getByTestId('token-form').waitFor();
  });
});
