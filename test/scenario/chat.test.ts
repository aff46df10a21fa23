import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser } from '../harness/browser.ts';
import { ChatWindow } from '../harness/chat-window.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

describeWithEngines('the chat', ['ffmpeg', 'chromium'], () => {
  let gala: Gala;
  let browser: Browser;
  let publisher: FfmpegPublisher;
  let mira: TestHost;
  let ana: ChatWindow;
  let ben: ChatWindow;
  let phone: ChatWindow;

  beforeAll(async () => {
    [gala, browser] = await Promise.all([Gala.start(), launchBrowser()]);
    mira = await gala.createHost('mira');
    const [anna, benno] = await Promise.all([gala.createHost('ana'), gala.createHost('ben')]);
    publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey: mira.streamKey });
    await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms.length > 0, { what: 'listed' });
    const context = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, locale: 'zh-CN' };
    [ana, ben, phone] = await Promise.all([
      ChatWindow.open({ browser, gala, path: '/@mira', user: anna }),
      ChatWindow.open({ browser, gala, path: '/@mira?protocol=ll-hls&latency=economy', user: benno }),
      ChatWindow.open({ browser, gala, path: '/@mira', user: mira, context }),
    ]);
    await Promise.all([ana.ready(), ben.ready(), phone.ready()]);
  });
  afterAll(async () => {
    await browser.close();
    await publisher[Symbol.asyncDispose]();
    await gala[Symbol.asyncDispose]();
  });

  test('explore', async () => {
    for (let index = 0; index < 4; index++) {
      const text = `hello ${index}`;
      const sentAtMs = await ana.say(text);
      const seen = await Promise.all([ben, phone].map((each) => each.seen(text)));
      const over = await Promise.all([ana, ben, phone].map((each) => each.overPicture(text)));
      console.log(seen.map((atMs) => atMs - sentAtMs), over.map((o) => o.frame), over.map((o) => o.mediaAtMs - sentAtMs));
    }
    await ana.page.getByTestId('like').click();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await ana.page.screenshot({ path: '/tmp/shots/real-ana.png' });
    await ben.page.screenshot({ path: '/tmp/shots/real-ben.png' });
    await phone.page.screenshot({ path: '/tmp/shots/real-phone.png' });
    expect(1).toBe(1);
  });
});
