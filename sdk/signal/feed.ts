import {
  StateBook,
  openRules,
  type Batch,
  type RoomRules,
  type ServerMessage,
  type Signal,
  type SignalPage,
  type StatePart,
  type Tier,
  type WelcomeMessage,
} from '@gala/protocol/signals';
import { Accounts } from './accounts.ts';
import type { Emitter } from './emitter.ts';
import { LineCap } from './line-cap.ts';
import { Overlay } from './overlay.ts';
import { Sequence, type SequenceEvent } from './sequence.ts';
import type { RoomSignalEvents } from './types.ts';

/** How exactly signals meet the picture. */
const overlayMs = 50;
const linesPerSecondDefault = 20;

export interface FeedOptions {
  readonly emitter: Emitter<RoomSignalEvents>;
  readonly isOwn: (signal: Signal) => boolean;
  readonly linesPerSecondMax?: number;
  readonly mediaMs?: () => number | undefined;
}

/** Everything that a room says, whichever way it came, on its way to the listeners. */
export class Feed {
  readonly sequence = new Sequence();
  readonly book = new StateBook();
  readonly accounts = new Accounts();
  rules: RoomRules = openRules;
  tier: Tier = 'full';
  readonly #options: FeedOptions;
  readonly #cap: LineCap;
  readonly #overlay = new Overlay();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: FeedOptions) {
    const { isOwn, linesPerSecondMax = linesPerSecondDefault } = options;
    this.#options = options;
    this.#cap = new LineCap({ linesPerSecondMax, isOwn });
  }

  take(message: ServerMessage): void {
    if (message.type === 'welcome') this.#welcome(message);
    else if (message.type === 'batch') this.#pass(this.sequence.take(message.batch));
    else if (message.type === 'repaired') this.#pass(this.sequence.settle(message));
    else if (message.type === 'state')
      this.#tellState(this.book[message.isWhole ? 'whole' : 'replace'](message.parts, message.stateVersion));
    else if (message.type === 'peer') this.#peer(message.signal);
  }

  /** What was read by HTTP. */
  takePage(page: SignalPage): void {
    for (const batch of page.batches) this.#pass(this.sequence.take(batch));
    this.#pass(this.sequence.settle(page));
    this.takeStateOf(page);
  }

  takeStateOf({ state, stateVersion }: SignalPage): void {
    if (state.length > 0) this.#tellState(this.book.replace(state, stateVersion));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #welcome(welcome: WelcomeMessage): void {
    this.tier = welcome.tier;
    this.#pass(this.sequence.settle(welcome));
    this.#tellState(this.book.whole(welcome.state, welcome.stateVersion));
    this.#setRules(welcome.rules);
  }

  #pass(events: readonly SequenceEvent[]): void {
    for (const event of events) {
      if (event.kind === 'gap') this.#options.emitter.emit('gap', event.gap);
      else if (event.isRecalled) this.accounts.addAlone(event.batch.signals, this.#show(event.batch.signals));
      else this.#batch(event.batch);
    }
  }

  #batch(batch: Batch): void {
    this.tier = batch.tier;
    this.#options.emitter.emit('batch', batch);
    this.accounts.add(batch, this.#show(batch.signals));
    this.#tellState(this.book.change(batch.state, batch.stateVersion));
  }

  /** Only this viewer is told. A comment looks like any other: whoever said it is not to see a difference. */
  #peer(signal: Signal): void {
    if (signal.type === 'comment') this.#tell([signal]);
    else this.#options.emitter.emit('peer', signal);
  }

  #show(signals: readonly Signal[]): readonly Signal[] {
    if (signals.length === 0) return signals;
    for (const signal of signals) this.#obey(signal);
    const shown = this.#cap.pick(signals, performance.now());
    this.#tell(shown);
    return shown;
  }

  #tell(shown: readonly Signal[]): void {
    if (shown.length === 0) return;
    const { emitter, mediaMs } = this.#options;
    emitter.emit('signals', shown);
    const atOnce = this.#overlay.add(shown, mediaMs?.());
    if (atOnce.length > 0) emitter.emit('overlay', atOnce);
    if (!this.#overlay.isEmpty) this.#timer ??= setInterval(() => this.#draw(), overlayMs);
  }

  #draw(): void {
    const { emitter, mediaMs } = this.#options;
    const due = this.#overlay.due(mediaMs?.());
    if (due.length > 0) emitter.emit('overlay', due);
    if (this.#overlay.isEmpty) this.close();
  }

  #obey(signal: Signal): void {
    if (signal.type === 'rules') this.#setRules(signal.rules);
    else if (signal.type === 'retract') {
      this.#overlay.remove(({ signalId }) => signalId === signal.retracted);
    } else if (signal.type === 'mute' && signal.removes) {
      this.#overlay.remove((waiting) => 'author' in waiting && waiting.author.userId === signal.userId);
    }
  }

  #tellState(parts: readonly StatePart[]): void {
    for (const part of parts) {
      this.#options.emitter.emit('state', part);
      if (part.name === 'rules' && part.value) this.#setRules(part.value as RoomRules);
    }
  }

  #setRules(rules: RoomRules): void {
    if (JSON.stringify(rules) === JSON.stringify(this.rules)) return;
    this.rules = rules;
    this.#options.emitter.emit('rules', rules);
  }
}
