import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { Gala, TestHost } from './gala.ts';
import { counterBits } from './ffmpeg.ts';

/** What a window has drawn, by the clock of its machine in ms since 1970. */
export interface Drawn {
  readonly text: string;
  readonly atMs: number;
}

/** A line over the picture, and the frame of the picture under it when it came out. */
export interface OverPicture {
  readonly text: string;
  readonly frame: number;
  readonly mediaAtMs: number;
}

export interface ChatWindowOptions {
  readonly browser: Browser;
  readonly gala: Gala;
  readonly path: string;
  /** Who has signed in; a guest without. */
  readonly user?: TestHost;
  readonly context?: BrowserContextOptions;
}

/** A room page as somebody has it on his screen, with a note of when each line was there. */
export class ChatWindow {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  static async open({ browser, gala, path, user, context }: ChatWindowOptions): Promise<ChatWindow> {
    const opened = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      locale: 'en-GB',
      ...context,
    });
    if (user) {
      const { name, password } = user;
      await opened.request.post(`${gala.webUrl}/v1/sessions`, { data: { name, password } });
    }
    const page = await opened.newPage();
    await page.addInitScript(noteLines, counterBits);
    await page.goto(`${gala.webUrl}${path}`);
    return new ChatWindow(page);
  }

  /** The chat is open, and pictures move. */
  async ready(): Promise<void> {
    await this.page.locator('[data-player-state="playing"]').waitFor({ timeout: 20_000 });
    await this.page.locator('[data-testid="chat-status"][data-status="open"]').waitFor({
      state: 'attached',
      timeout: 20_000,
    });
  }

  /** With the keyboard alone; when it was sent, by the window's clock. */
  async say(text: string): Promise<number> {
    await this.page.getByTestId('chat-input').fill(text);
    const atMs = await this.page.evaluate(() => Date.now());
    await this.page.getByTestId('chat-input').press('Enter');
    return atMs;
  }

  /** When a text was first on the page below the element of this test id. */
  async seen(text: string, testId = 'chat'): Promise<number> {
    const found = await this.page.waitForFunction(
      ([wanted, under]) => {
        const { drawn } = globalThis as unknown as { drawn: Map<string, number> };
        for (const [line, atMs] of drawn) if (line.startsWith(`${under}:`) && line.includes(wanted)) return atMs;
        return undefined;
      },
      [text, testId] as const,
      { timeout: 15_000 },
    );
    return (await found.jsonValue()) as number;
  }

  async overPicture(text: string): Promise<OverPicture> {
    const found = await this.page.waitForFunction(
      (wanted) =>
        (globalThis as unknown as { overPicture: OverPicture[] }).overPicture.find((line) => line.text === wanted),
      text,
      { timeout: 20_000 },
    );
    return (await found.jsonValue()) as OverPicture;
  }
}

/** Runs in the page, before its own scripts. */
function noteLines(bits: number): void {
  const drawn = new Map<string, number>();
  const overPicture: OverPicture[] = [];
  Object.assign(globalThis, { drawn, overPicture });
  const note = (testId: string): void => {
    for (const element of document.querySelectorAll<HTMLElement>(`[data-testid="${testId}"] li, [data-testid="${testId}"] p`)) {
      const key = `${testId}:${element.textContent}`;
      if (!drawn.has(key)) drawn.set(key, Date.now());
    }
  };
  const frameNumber = (): number => {
    const video = document.querySelector<HTMLVideoElement>('video.front');
    const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    if (!video || !context) return -1;
    context.canvas.width = video.videoWidth;
    context.canvas.height = video.videoHeight;
    context.drawImage(video, 0, 0);
    const size = Math.floor(video.videoWidth / bits);
    const y = video.videoHeight - size / 2;
    const row = context.getImageData(0, y, video.videoWidth, 1).data;
    let value = 0;
    for (let bit = 0; bit < bits; bit++) {
      if ((row[Math.floor(bit * size + size / 2) * 4] ?? 0) > 128) value += 2 ** bit;
    }
    return value;
  };
  new MutationObserver((records) => {
    note('chat');
    for (const { addedNodes } of records) {
      for (const node of addedNodes) {
        if (!(node instanceof HTMLElement) || !node.classList.contains('danmaku-line')) continue;
        overPicture.push({ text: node.textContent, frame: frameNumber(), mediaAtMs: Date.now() });
      }
    }
  }).observe(document, { childList: true, subtree: true, characterData: true });
}
