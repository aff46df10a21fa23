import { chromium, type Browser, type Page } from 'playwright-core';
import { enginePath } from '../engines.ts';
import { counterBits } from './ffmpeg.ts';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
];

/** Debian's Chromium without a window. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: enginePath('chromium'), args: flags });
}

/** What a page has seen of its video; collected from before the page's own scripts run. */
export interface Watch {
  /** Milliseconds from navigation to the first picture; 0 until then. */
  firstFrameMs: number;
  frames: number;
  waiting: number;
  currentTime: number;
}

/** Collects the player's events on every page opened from here on. */
export async function watchVideo(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const watch = { firstFrameMs: 0, frames: 0, waiting: 0, currentTime: 0 };
    (globalThis as unknown as { watch: typeof watch }).watch = watch;
    const attach = (video: HTMLVideoElement): void => {
      const onFrame = (): void => {
        watch.firstFrameMs ||= performance.now();
        watch.frames++;
        watch.currentTime = video.currentTime;
        video.requestVideoFrameCallback(onFrame);
      };
      video.requestVideoFrameCallback(onFrame);
      video.addEventListener('waiting', () => watch.waiting++);
    };
    const seen = new WeakSet<HTMLVideoElement>();
    new MutationObserver(() => {
      for (const video of document.querySelectorAll('video')) {
        if (!seen.has(video)) attach(video);
        seen.add(video);
      }
    }).observe(document, { childList: true, subtree: true });
  });
}

export function readWatch(page: Page): Promise<Watch> {
  return page.evaluate(() => ({ ...(globalThis as unknown as { watch: Watch }).watch }));
}

/** Reads the frame number that ffmpeg drew into the picture that the page shows now. */
export function readFrameNumber(page: Page): Promise<number> {
  return page.evaluate((bits) => {
    const video = document.querySelector<HTMLVideoElement>('video.front')!;
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const context = canvas.getContext('2d')!;
    context.drawImage(video, 0, 0);
    const size = Math.floor(canvas.width / bits);
    let value = 0;
    for (let bit = 0; bit < bits; bit++) {
      const pixel = context.getImageData(bit * size + size / 2, canvas.height - size / 2, 1, 1).data;
      if (pixel[0] > 128) value += 2 ** bit;
    }
    return value;
  }, counterBits);
}

/** Notes from now on when the video in front shows a new picture. */
export async function watchFront(page: Page): Promise<void> {
  await page.evaluate(() => {
    const times = [performance.now()];
    (globalThis as unknown as { frontTimes: number[] }).frontTimes = times;
    for (const video of document.querySelectorAll('video')) {
      const onFrame = (nowMs: number): void => {
        if (video.classList.contains('front')) times.push(nowMs);
        video.requestVideoFrameCallback(onFrame);
      };
      video.requestVideoFrameCallback(onFrame);
    }
  });
}

/** The longest time without a new picture in front, up to now. */
export function frontGapMs(page: Page): Promise<number> {
  return page.evaluate(() => {
    const times = [...(globalThis as unknown as { frontTimes: number[] }).frontTimes, performance.now()];
    return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? time)));
  });
}
