import type { RoomRules, RoomState, Signal } from '@gala/protocol/signals';
import type { ConnectionStatus, RoomSignals, RoomSignalsOptions, SignalEntry } from '@gala/sdk/signal';
import { obstacleAfter, type Obstacle } from './composer.ts';
import { LineList, type ChatLine } from './lines.ts';
import { nobody, readTicket, type Me } from './ticket.ts';

/** Everything of the chat that is drawn, as it was at one moment. */
export interface ChatView {
  readonly me: Me;
  readonly status: ConnectionStatus;
  /** Why it is not open; empty for no reason known. */
  readonly code: string;
  /** Of the next try, by the page's clock. */
  readonly retryAtMs: number;
  readonly lines: readonly ChatLine[];
  readonly waitingCount: number;
  readonly rules: RoomRules;
  readonly viewers: RoomState['viewers'] | undefined;
  readonly likes: number | undefined;
  readonly rank: RoomState['rank']['top'];
  readonly announcement: string;
  readonly obstacle: Obstacle | undefined;
}

export interface ChatStoreOptions {
  /** Of the reader; 0 for a guest. */
  readonly userId: number;
  readonly open: (options: RoomSignalsOptions) => RoomSignals;
  readonly enter: () => Promise<SignalEntry>;
  readonly mediaMs: () => number | undefined;
}

/** Changes are drawn together, at most so often: a busy room brings more batches than a screen shows. */
const drawEveryMs = 33;
/** The first version of the page that speaks of signals; installations may filter by it. */
const client = { platform: 'web', version: 1, capabilities: ['overlay'] } as const;

/** Between the room's signals and what is drawn of them. */
export class ChatStore {
  readonly #signals: RoomSignals;
  readonly #lines = new LineList();
  readonly #listeners = new Set<() => void>();
  readonly #overlayListeners = new Set<(signals: readonly Signal[]) => void>();
  readonly #signalListeners = new Set<(signals: readonly Signal[]) => void>();
  #me: Me = nobody;
  #retryAtMs = 0;
  #code = '';
  #obstacle: Obstacle | undefined;
  /** Own likes that the room's total does not have yet. */
  #ownLikes = 0;
  #view: ChatView;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ userId, open, enter, mediaMs }: ChatStoreOptions) {
    this.#lines.userId = userId;
    this.#signals = open({
      client,
      userId,
      mediaMs,
      enter: async () => {
        const entry = await enter();
        this.#me = readTicket(entry.ticket);
        return entry;
      },
    });
    this.#listen();
    this.#view = this.#look();
    this.#signals.connect();
  }

  readonly subscribe = (run: () => void): (() => void) => {
    this.#listeners.add(run);
    return () => this.#listeners.delete(run);
  };

  readonly view = (): ChatView => this.#view;

  /** Signals when the picture reaches their place in the stream. */
  onOverlay(run: (signals: readonly Signal[]) => void): () => void {
    this.#overlayListeners.add(run);
    return () => this.#overlayListeners.delete(run);
  }

  /** Signals as soon as they come. */
  onSignals(run: (signals: readonly Signal[]) => void): () => void {
    this.#signalListeners.add(run);
    return () => this.#signalListeners.delete(run);
  }

  async comment(text: string): Promise<void> {
    const key = this.#lines.addOwn(text);
    this.#draw();
    const result = await this.#signals.comment(text);
    if (result.ok) {
      this.#obstacle = undefined;
      this.#lines.settleOwn(key, { kind: result.isHeld ? 'held' : 'sent' }, result.signalId);
    } else this.#refuse(key, result);
    this.#draw();
  }

  /** Says again what was refused. */
  retry(line: Extract<ChatLine, { readonly kind: 'own' }>): void {
    this.#lines.remove(line.key);
    void this.comment(line.text);
  }

  remove(key: number): void {
    this.#lines.remove(key);
    this.#draw();
  }

  /** The code of a refusal; undefined when it is done. */
  async retract(signalId: string): Promise<string | undefined> {
    const result = await this.#signals.retract(signalId);
    return result.ok ? undefined : result.code;
  }

  like(): void {
    this.#signals.like();
    this.#ownLikes++;
    this.#draw();
  }

  reportMedia(health: 'good' | 'poor' | 'stalled'): void {
    this.#signals.reportMedia(health);
  }

  hold(): void {
    this.#lines.hold();
  }

  release(): void {
    this.#lines.release();
    this.#draw();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#signals.close();
  }

  #listen(): void {
    const signals = this.#signals;
    signals.on('signals', (came) => {
      this.#lines.add(came);
      this.#obey(came);
      for (const run of this.#signalListeners) run(came);
      this.#draw();
    });
    signals.on('overlay', (came) => {
      for (const run of this.#overlayListeners) run(came);
    });
    signals.on('state', ({ name }) => {
      if (name === 'likes') this.#ownLikes = 0;
      this.#draw();
    });
    signals.on('rules', () => this.#draw());
    signals.on('gap', ({ from, to }) => {
      this.#lines.addGap(to === undefined ? undefined : to - from + 1);
      this.#draw();
    });
    signals.on('status', ({ code, retryInMs }) => {
      this.#code = code;
      this.#retryAtMs = retryInMs > 0 ? Date.now() + retryInMs : 0;
      this.#draw();
    });
  }

  /** Whoever is muted is told before he tries. */
  #obey(signals: readonly Signal[]): void {
    for (const signal of signals) {
      if (signal.type !== 'mute' || signal.userId !== this.#lines.userId || signal.userId === 0) continue;
      const leftMs = signal.untilMs - this.#signals.serverMs();
      this.#obstacle = leftMs > 0 ? muted(leftMs) : undefined;
    }
  }

  #refuse(key: number, { code, retryAfterMs }: { code: string; retryAfterMs: number }): void {
    const nowMs = Date.now();
    this.#obstacle = obstacleAfter(code, retryAfterMs, nowMs);
    const retryAtMs = retryAfterMs > 0 ? nowMs + retryAfterMs : 0;
    this.#lines.settleOwn(key, { kind: 'refused', code, retryAtMs });
  }

  #draw(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#view = this.#look();
      for (const run of this.#listeners) run();
    }, drawEveryMs);
  }

  #look(): ChatView {
    const signals = this.#signals;
    const likes = signals.state('likes')?.total;
    return {
      me: this.#me,
      status: signals.status,
      code: this.#code,
      retryAtMs: this.#retryAtMs,
      lines: this.#lines.shown,
      waitingCount: this.#lines.waitingCount,
      rules: signals.rules,
      viewers: signals.state('viewers'),
      likes: likes === undefined && this.#ownLikes === 0 ? undefined : (likes ?? 0) + this.#ownLikes,
      rank: signals.state('rank')?.top ?? [],
      announcement: signals.state('announcement')?.text ?? '',
      obstacle: this.#obstacle,
    };
  }
}

/** So far ahead is for good. */
const foreverMs = 10 * 365 * 86_400_000;

function muted(leftMs: number): Obstacle {
  return { code: 'MUTED', untilMs: leftMs > foreverMs ? 0 : Date.now() + leftMs };
}
