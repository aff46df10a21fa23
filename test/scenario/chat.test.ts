import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser } from '../harness/browser.ts';
import { ChatWindow } from '../harness/chat-window.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { Gala } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

/** From an act in one window, or its answer, to the page of another: that is promised of the middle one of all acts. */
const seenMsMax = 300;
/** Of each: three windows, their decoders and all parts of Gala share the machine with other tests. */
const slack = 4;
const framesPerSecond = 30;
/** The line comes out as late in its author's own window as a message takes to come back to it. */
const apartMsMax = 150;

const phoneScreen = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
  locale: 'zh-CN',
};

describeWithEngines('the chat', ['ffmpeg', 'chromium'], () => {
  let gala: Gala;
  let browser: Browser;
  let publisher: FfmpegPublisher;
  let ana: ChatWindow;
  let ben: ChatWindow;
  const delaysMs: number[] = [];
  const note = (seenAtMs: number, sinceMs: number): void => {
    delaysMs.push(seenAtMs - sinceMs);
    expect(seenAtMs - sinceMs).toBeLessThan(seenMsMax * slack);
  };
  /** The host, on a phone, in Chinese. */
  let mira: ChatWindow;

  beforeAll(async () => {
    [gala, browser] = await Promise.all([Gala.start(), launchBrowser()]);
    const host = await gala.createHost('mira');
    publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey: host.streamKey });
    const [one, other] = await Promise.all([gala.createHost('ana'), gala.createHost('ben')]);
    await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms.length > 0, { what: 'listed' });
    const slow = '/@mira?protocol=ll-hls&latency=economy';
    [ana, ben, mira] = await Promise.all([
      ChatWindow.open({ browser, gala, path: '/@mira', user: one }),
      ChatWindow.open({ browser, gala, path: slow, user: other }),
      ChatWindow.open({ browser, gala, path: '/@mira', user: host, context: phoneScreen }),
    ]);
    await Promise.all([ana.ready(), ben.ready(), mira.ready()]);
  });
  afterAll(async () => {
    await browser.close();
    await publisher[Symbol.asyncDispose]();
    await gala[Symbol.asyncDispose]();
  });

  test('what one says is in the other windows at once', async () => {
    for (const text of ['hello', 'good evening']) {
      const saidAtMs = await ana.say(text);
      for (const each of [ben, mira]) note(await each.seen(text), saidAtMs);
    }
    expect(await ana.page.getByTestId('chat-lines').getByText('hello').count()).toBe(1);
  });

  test('it comes out over the same picture for one who is a second behind and one who is five', async () => {
    await ben.page.evaluate(() => document.querySelector<HTMLVideoElement>('video.front')?.pause());
    await waitFor(async () => (await secondsBehind(ana, ben)) > 3.5, { what: 'a viewer who is far behind' });
    await ben.page.evaluate(() => document.querySelector<HTMLVideoElement>('video.front')?.play());
    await ana.say('look at this');
    const [near, far] = await Promise.all([ana, ben].map((each) => each.overPicture('look at this')));
    const apartMs = (Math.abs(near.frame - far.frame) / framesPerSecond) * 1000;
    expect(far.atMs - near.atMs).toBeGreaterThan(3_000);
    expect(apartMs).toBeLessThan(apartMsMax);
  });

  test('a like is counted for all', async () => {
    const likedAtMs = await ana.act(() => ana.page.getByTestId('like').click());
    for (const each of [ben, mira]) note(await each.seen('1', 'likes'), likedAtMs);
  });

  test('an author takes back what he said, with the keyboard alone', async () => {
    await ana.say('oh no, a typo');
    await ben.seen('oh no, a typo');
    await ana.page.getByTestId('chat-lines').focus();
    await ana.page.keyboard.press('ArrowUp');
    await ana.page.keyboard.press('Enter');
    await ana.page.getByTestId('act.retract').waitFor();
    const retractedAtMs = await ana.act(() => ana.page.keyboard.press('Enter'));
    note(await ben.seen('Message taken back'), retractedAtMs);
    note(await mira.seen('消息已撤回'), retractedAtMs);
    expect(await ben.page.getByText('oh no, a typo').count()).toBe(0);
    await ana.page.locator('[data-testid="chat-lines"]:focus').waitFor();
  });

  test('slow mode is told to all, and makes one wait', async () => {
    await mira.page.getByTestId('chat-options').click();
    const answered = answerOf(mira.page, '/chat', 'PUT');
    await mira.page.getByTestId('slow-mode').selectOption('5');
    const changedAtMs = await answered;
    for (const each of [ana, ben]) note(await each.seen('Slow mode', 'chat-rules'), changedAtMs);
    await ana.say('one');
    await ben.seen('one');
    await ana.say('two');
    await ana.seen('Slow mode is on. Wait', 'chat-obstacle');
    expect(await ana.page.locator('[data-own="refused"]').innerText()).toMatch(
      /two[^]*Not sent[^]*Try again/,
    );
    await mira.page.getByTestId('slow-mode').selectOption('0');
    await mira.page.keyboard.press('Escape');
  });

  test('the host mutes somebody, who is told at once', async () => {
    await ben.say('spoilers ahead');
    await mira.seen('spoilers ahead');
    await mira.page.locator('li', { hasText: 'spoilers ahead' }).locator('button').click();
    const answered = answerOf(mira.page, '/mute', 'PUT');
    await mira.page.getByTestId('act.mute').click();
    const mutedAtMs = await answered;
    note(await ben.seen('You are muted', 'chat-obstacle'), mutedAtMs);
    expect(median(delaysMs)).toBeLessThan(seenMsMax);
    expect(await ben.page.getByTestId('chat-send').isDisabled()).toBe(true);
  });

  test('the page of moderators shows whom it concerns, and lifts it', async () => {
    await mira.page.getByTestId('chat-options').click();
    await mira.page.getByTestId('to-moderation').click();
    const row = mira.page.getByTestId('sanction');
    await row.waitFor();
    expect(await row.innerText()).toMatch(/ben[^]*禁言/);
    await row.getByRole('button').click();
    await waitFor(async () => (await ben.page.getByTestId('chat-obstacle').innerText()) === '', {
      what: 'no mute any more',
    });
    await ben.say('thank you');
    await ana.seen('thank you');
  });

  test('every control has a name, and what is said is read out', async () => {
    for (const { page } of [ana, ben, mira]) expect(await namelessControls(page)).toEqual([]);
    const spoken = ana.page.getByTestId('chat-spoken');
    await waitFor(async () => (await spoken.innerText()).includes('ben: thank you'), { what: 'read out' });
    expect(await spoken.getAttribute('role')).toBe('log');
  });
});

/** When the page had the answer to its call. */
async function answerOf(page: Page, path: string, method: string): Promise<number> {
  await page.waitForResponse((answer) => answer.url().endsWith(path) && answer.request().method() === method);
  return Date.now();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function secondsBehind(near: ChatWindow, far: ChatWindow): Promise<number> {
  const [ahead, behind] = await Promise.all([near.frame(), far.frame()]);
  return (ahead - behind) / framesPerSecond;
}

/** Buttons, links and fields that a screen reader could not name, and ids that are there twice. */
function namelessControls(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const nameOf = (element: HTMLElement): string =>
      element.getAttribute('aria-label') ??
      (element as HTMLInputElement).labels?.[0]?.textContent ??
      element.textContent;
    const controls = [...document.querySelectorAll<HTMLElement>('button, a[href], input, select, textarea')];
    const nameless = controls
      .filter((element) => nameOf(element).trim() === '')
      .map(({ outerHTML }) => outerHTML);
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
    return [...nameless, ...ids.filter((id, index) => ids.indexOf(id) !== index)];
  });
}
