import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser } from '../harness/browser.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

/** Where a look at the pages is kept for people, if anybody wants one. */
const shots = process.env['SCREENSHOTS'];

/**
 * Goal: areas, schedule, announcements, play counts and their switch, as operator, host and viewer meet them.
 * Method: the pages in Chromium, with a broadcast of ffmpeg.
 */
describeWithEngines('what is known of rooms', ['ffmpeg', 'chromium'], () => {
  let gala: Gala;
  let host: TestHost;
  let browser: Browser;

  beforeAll(async () => {
    gala = await Gala.start({ env: { GALA_ROOM_PLAY_FLUSH_MS: '300' } });
    host = await gala.createHost('mira');
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await gala[Symbol.asyncDispose]();
  });

  async function newPage(path: string, locale = 'en-GB'): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale });
    const page = await context.newPage();
    await page.goto(`${gala.webUrl}${path}`);
    return page;
  }

  async function look(page: Page, name: string): Promise<void> {
    if (!shots) return;
    await mkdir(shots, { recursive: true });
    await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
  }

  async function openConsole(path: string): Promise<Page> {
    const page = await newPage(path);
    const token = (await readFile(join(gala.dataFolder, 'admin.token'), 'utf8')).trim();
    await page.getByLabel('Operator token').fill(token);
    await page.keyboard.press('Enter');
    return page;
  }

  async function giveReason(page: Page): Promise<void> {
    await page.getByLabel('Reason').fill('a test');
    await page.getByTestId('reason-yes').click();
    await page.getByTestId('reason-dialog').waitFor({ state: 'detached' });
  }

  test('an operator makes areas, and tells something on every page', async () => {
    const page = await openConsole('/console/areas');
    for (const [areaId, en, zh] of [
      ['games', 'Games', '游戏'],
      ['music', 'Music', '音乐'],
    ]) {
      await page.getByLabel('Short name').fill(areaId);
      await page.getByLabel('English name').fill(en);
      await page.getByLabel('Chinese name').fill(zh);
      await page.getByRole('button', { name: 'Save the area' }).click();
      await giveReason(page);
      await page.getByTestId('area-row').filter({ hasText: zh }).waitFor();
    }
    await look(page, 'console-areas');
    await page.getByRole('link', { name: 'Notice' }).click();
    await page.getByLabel('In English').fill('A gala on Friday');
    await page.getByLabel('In Chinese').fill('周五晚会');
    await page.getByRole('button', { name: 'Show it' }).click();
    await giveReason(page);
    const chinese = await newPage('/', 'zh-CN');
    await chinese.getByTestId('site-notice').getByText('周五晚会').waitFor();
  });

  test('a host schedules a broadcast, chooses an area and tells something; viewers see it', async () => {
    const studio = await newPage('/host');
    await studio.getByLabel('Name').fill(host.name);
    await studio.getByLabel('Password').fill(host.password);
    await studio.keyboard.press('Enter');
    await studio.getByTestId('area-input').selectOption('music');
    await studio.getByTestId('announcement-input').fill('New songs\nat eight');
    await studio.getByTestId('save-settings').click();
    await studio.getByText('Saved').waitFor();
    const at = new Date(Date.now() + 7_200_000);
    const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    await studio.getByTestId('schedule-at').fill(local);
    await studio.getByTestId('schedule-save').click();
    await studio.getByTestId('schedule-form').getByTestId('countdown').waitFor();
    await look(studio, 'studio');
    const viewer = await newPage(`/@${host.name}`);
    await viewer.getByTestId('announcement').getByText('New songs').waitFor();
    await viewer.getByTestId('countdown').getByText('in 1:').waitFor();
    await look(viewer, 'host-page');
    const home = await newPage('/', 'zh-CN');
    await home.getByTestId('coming').getByText(host.name).first().waitFor();
    await look(home, 'home-coming-zh');
  });

  test('an operator makes a programme, and a viewer says that he will come', async () => {
    const page = await openConsole('/console/programmes');
    const local = (atMs: number): string => {
      const at = new Date(atMs);
      return new Date(atMs - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    };
    await page.getByLabel('Short name').fill('gala');
    await page.getByLabel('English title').fill('The gala');
    await page.getByLabel('Chinese title').fill('年度晚会');
    await page.getByLabel('Begins').fill(local(Date.now() + 120_000));
    await page.getByLabel('Ends').fill(local(Date.now() + 3_600_000));
    await page.getByLabel('Hosts, a line each').fill(`@${host.name} | Stage | 舞台`);
    await page.getByRole('button', { name: 'Save the event' }).click();
    await giveReason(page);
    await page.getByTestId('programme-row').getByText('The gala').waitFor();
    await look(page, 'console-programmes');
    const viewer = await newPage('/', 'zh-CN');
    await viewer.getByTestId('programmes').getByRole('link', { name: '年度晚会' }).click();
    await viewer.getByTestId('programme-page').getByTestId('countdown').waitFor();
    await viewer.getByTestId('reserve').click();
    await viewer.getByTestId('reserve').getByText('已预约').waitFor();
    await viewer.getByTestId('reservations').getByText('1 人已预约').waitFor();
    await look(viewer, 'programme-zh');
  });

  test('the room on air is listed in its area, and its plays are counted until the switch freezes them', async () => {
    const publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey: host.streamKey });
    const home = await newPage('/', 'zh-CN');
    await home.getByTestId('room-card').waitFor({ timeout: 20_000 });
    await home.getByRole('button', { name: '音乐' }).click();
    await home.getByTestId('room-card').waitFor();
    await look(home, 'home-area-zh');
    await home.getByRole('button', { name: '游戏' }).click();
    await home.getByTestId('room-card').waitFor({ state: 'detached' });
    const viewer = await newPage(`/@${host.name}`);
    await viewer.locator('[data-player-state="playing"]').waitFor({ timeout: 20_000 });
    const plays = async () => (await gala.anyone.enterRoom({ roomRef: `@${host.name}` })).plays ?? 0;
    await waitFor(async () => (await plays()) > 0, { what: 'a play', timeoutMs: 20_000 });
    await viewer.goto(`${gala.webUrl}/programmes/gala`);
    await viewer.locator('[data-phase="live"] [data-player-state="playing"]').waitFor({ timeout: 20_000 });
    await viewer.getByTestId('angle').getByText('Stage').waitFor();
    await look(viewer, 'programme-live');
    await viewer.goto(`${gala.webUrl}/@${host.name}`);
    // The page asks every ten seconds; who comes now sees it at once.
    await viewer.reload();
    await viewer.getByTestId('plays').waitFor({ timeout: 20_000 });
    await look(viewer, 'room');
    const page = await openConsole('/console/switches');
    await page.getByRole('button', { name: 'frozen' }).click();
    await giveReason(page);
    await page.getByRole('button', { name: 'on', exact: true }).waitFor();
    await look(page, 'console-switches');
    const { switches } = await gala.operator.listSwitches();
    expect(switches[0]).toMatchObject({ name: 'playCounts', state: 'frozen' });
    await publisher[Symbol.asyncDispose]();
  });
});
