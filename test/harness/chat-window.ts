import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { readFrameNumber } from './browser.ts';
import { counterBits } from './ffmpeg.ts';
import type { Gala, TestHost } from './gala.ts';

/** A line over the picture: the number of the picture under it when it came out, and when that was. */
export interface OverPicture {
  readonly text: string;
  readonly frame: number;
  readonly atMs: number;
}

export interface ChatWindowOptions {
  readonly browser: Browser;
  readonly gala: Gala;
  readonly path: string;
  /** Who has signed in; a guest without. */
  readonly user?: TestHost;
  readonly context?: BrowserContextOptions;
}

interface Notes {
  /** By test id and text, when it was on the page first, in ms since 1970. */
  readonly drawn: Map<string, number>;
  readonly overPicture: OverPicture[];
}

/** A room page as somebody has it on his screen, with notes of when what was there. */
export class ChatWindow {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  static async open({ browser, gala, path, user, context }: ChatWindowOptions): Promise<ChatWindow> {
    const viewport = { width: 1280, height: 800 };
    const opened = await browser.newContext({ viewport, locale: 'en-GB', ...context });
    if (user) {
      const { name, password } = user;
      await opened.request.post(`${gala.webUrl}/v1/sessions`, { data: { name, password } });
    }
    const page = await opened.newPage();
    await page.addInitScript(takeNotes, counterBits);
    await page.goto(`${gala.webUrl}${path}`);
    return new ChatWindow(page);
  }

  /** The chat is open, and the picture moves. */
  async ready(): Promise<void> {
    await this.page.locator('[data-player-state="playing"]').waitFor({ timeout: 20_000 });
    const status = this.page.locator('[data-testid="chat-status"][data-status="open"]');
    await status.waitFor({ state: 'attached', timeout: 20_000 });
  }

  /** When it was done, by the clock of the machine. */
  async act(run: () => Promise<void>): Promise<number> {
    const atMs = Date.now();
    await run();
    return atMs;
  }

  /** Typed and sent with the keyboard; when it was sent. */
  async say(text: string): Promise<number> {
    await this.page.getByTestId('chat-input').focus();
    await this.page.keyboard.insertText(text);
    return this.act(() => this.page.keyboard.press('Enter'));
  }

  /** When a text was on the page first, in what has this test id. */
  async seen(text: string, testId = 'chat-lines'): Promise<number> {
    const found = await this.page
      .waitForFunction(
        ([wanted, under]) => {
          const { drawn } = globalThis as unknown as Notes;
          const key = [...drawn.keys()].find((line) => line.startsWith(`${under}:`) && line.includes(wanted));
          return key === undefined ? undefined : drawn.get(key);
        },
        [text, testId] as const,
        { timeout: 15_000 },
      )
      .catch(async (error: unknown) => {
        throw new Error(`"${text}" is not in ${await this.page.getByTestId('chat').innerText()}`, {
          cause: error,
        });
      });
    return (await found.jsonValue())!;
  }

  async overPicture(text: string): Promise<OverPicture> {
    const found = await this.page.waitForFunction(
      (wanted) => (globalThis as unknown as Notes).overPicture.find((line) => line.text === wanted),
      text,
      { timeout: 20_000 },
    );
    return (await found.jsonValue())!;
  }

  /** Number of the picture that is shown now. */
  frame(): Promise<number> {
    return readFrameNumber(this.page);
  }
}

/** Runs in the page, before its own scripts. */
function takeNotes(bits: number): void {
  const drawn = new Map<string, number>();
  const overPicture: OverPicture[] = [];
  Object.assign(globalThis, { drawn, overPicture });
  const note = (element: Element, testId: string): void => {
    const key = `${testId}:${element.textContent}`;
    if (!drawn.has(key)) drawn.set(key, Date.now());
  };
  const frameNow = (): number => {
    const video = document.querySelector<HTMLVideoElement>('video.front')!;
    const { videoWidth, videoHeight } = video;
    const canvas = Object.assign(document.createElement('canvas'), {
      width: videoWidth,
      height: videoHeight,
    });
    const context = canvas.getContext('2d', { willReadFrequently: true })!;
    context.drawImage(video, 0, 0);
    const size = Math.floor(videoWidth / bits);
    const row = context.getImageData(0, videoHeight - size / 2, videoWidth, 1).data;
    let value = 0;
    for (let bit = 0; bit < bits; bit++) if (row[(bit * size + size / 2) * 4] > 128) value += 2 ** bit;
    return value;
  };
  new MutationObserver((records) => {
    for (const line of document.querySelectorAll('[data-testid="chat-lines"] li')) note(line, 'chat-lines');
    for (const name of ['likes', 'chat-rules', 'chat-obstacle']) {
      for (const element of document.querySelectorAll(`[data-testid="${name}"]`)) note(element, name);
    }
    for (const node of records.flatMap(({ addedNodes }) => [...addedNodes])) {
      if (!(node instanceof HTMLElement) || !node.classList.contains('danmaku-line')) continue;
      overPicture.push({ text: node.textContent, frame: frameNow(), atMs: Date.now() });
    }
  }).observe(document, { childList: true, subtree: true, characterData: true });
}
