import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { readFrameNumber, readWatch, watchVideo, type Watch } from './browser.ts';

/** What hls.js says of itself. */
export interface HlsPageState {
  /** Seconds behind the live end, by its own measure. */
  readonly latency: number;
  /** Unix ms of the picture that is shown, by the dates of the playlist. */
  readonly playingAtMs: number;
  readonly fatal: string[];
  readonly stalls: number;
  readonly width: number;
  /** Where the window of the playlist begins, and where it plays, on the clock of the video. */
  readonly windowStart: number;
  readonly currentTime: number;
}

const html = `<!doctype html><title>hls.js</title><video class="front" muted autoplay playsinline width="640"></video>
<script src="hls.js"></script>
<script>
  const video = document.querySelector('video');
  const hls = new Hls({ lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.5, backBufferLength: 90 });
  const fatal = [];
  let stalls = 0;
  hls.on(Hls.Events.ERROR, (_, { fatal: isFatal, type, details }) => {
    if (isFatal) fatal.push(type + ' ' + details);
    if (details === 'bufferStalledError') stalls++;
  });
  hls.loadSource(new URLSearchParams(location.search).get('url'));
  hls.attachMedia(video);
  window.readHls = () => ({
    latency: hls.latency,
    playingAtMs: hls.playingDate ? hls.playingDate.getTime() : 0,
    fatal,
    stalls,
    width: video.videoWidth,
    windowStart: hls.levels[0]?.details?.fragmentStart ?? 0,
    currentTime: video.currentTime,
  });
</script>`;

/** A bare page with hls.js and nothing else, on an origin of its own. */
export class HlsPages implements AsyncDisposable {
  readonly #server: Server;
  readonly #browser: Browser;

  private constructor(server: Server, browser: Browser) {
    this.#server = server;
    this.#browser = browser;
  }

  static async serve(browser: Browser): Promise<HlsPages> {
    const script = await readFile(createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js'));
    const server = createServer((request, response) => {
      const isScript = request.url === '/hls.js';
      response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? script : html);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HlsPages(server, browser);
  }

  async open(url: string): Promise<HlsPage> {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await watchVideo(page);
    const { port } = this.#server.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}/?url=${encodeURIComponent(url)}`);
    return new HlsPage(page);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export class HlsPage implements AsyncDisposable {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  hls(): Promise<HlsPageState> {
    return this.page.evaluate(() => (globalThis as unknown as { readHls: () => HlsPageState }).readHls());
  }

  watch(): Promise<Watch> {
    return readWatch(this.page);
  }

  /** Number of the frame that is shown, and the wall clock around the moment it was read. */
  async frame(): Promise<{ number: number; fromMs: number; toMs: number }> {
    const fromMs = Date.now();
    const number = await readFrameNumber(this.page);
    return { number, fromMs, toMs: Date.now() };
  }

  async seek(seconds: number): Promise<void> {
    await this.page.evaluate((to) => {
      document.querySelector('video')!.currentTime = to;
    }, seconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}
