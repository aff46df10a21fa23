import type {
  Delivery,
  HelloMessage,
  RoomRules,
  RoomState,
  ServerMessage,
  SignalClass,
  Tier,
} from '@gala/protocol/signals';
import { Connector } from './connector.ts';
import { Emitter } from './emitter.ts';
import { Feed } from './feed.ts';
import { Outbox } from './outbox.ts';
import { Reader } from './reader.ts';
import { ServerClock } from './server-clock.ts';
import type {
  ConnectionStatus,
  RoomSignalEvents,
  RoomSignals,
  RoomSignalsOptions,
  SendResult,
  SignalCounts,
} from './types.ts';

/** What is missing may be on its way; then it is asked for, again, and then from another node. */
const repairDelayMs = 100;
const repairAnswerMs = 3_000;
const repairsMax = 3;
/** State that is missing is asked for after a time by chance, and not often: thousands may miss the same. */
const stateDelayMsMax = 500;
const statePauseMs = 5_000;
/** Who reads by HTTP keeps the link so long after he last said something. */
const restMs = 30_000;

/** The chat of one room; `connect` begins. */
export function openRoomSignals(options: RoomSignalsOptions): RoomSignals {
  return new Room(options);
}

class Room implements RoomSignals {
  readonly #options: RoomSignalsOptions;
  readonly #emitter = new Emitter<RoomSignalEvents>();
  readonly #clock = new ServerClock();
  readonly #feed: Feed;
  readonly #connector: Connector;
  readonly #outbox: Outbox;
  #reader: Reader | undefined;
  #repairs = 0;
  #repairTimer: ReturnType<typeof setTimeout> | undefined;
  #stateTimer: ReturnType<typeof setTimeout> | undefined;
  #restTimer: ReturnType<typeof setTimeout> | undefined;
  #stateAskedAtMs = -Infinity;

  constructor(options: RoomSignalsOptions) {
    this.#options = options;
    this.#outbox = new Outbox({
      send: (message) => this.#connector.send(message),
      wake: () => this.#wake(),
    });
    this.#connector = new Connector({
      enter: options.enter,
      webSocket: options.webSocket ?? WebSocket,
      handler: {
        onMessage: (message) => this.#heard(message),
        onOpen: () => this.#opened(),
        onStatus: (status, code, retryInMs) => this.#statusChanged(status, code, retryInMs),
        hello: (ticket) => this.#hello(ticket),
      },
    });
    const { linesPerSecondMax, mediaMs, userId = 0 } = options;
    this.#feed = new Feed({
      emitter: this.#emitter,
      isOwn: (signal) =>
        this.#outbox.isOwn(signal.signalId) ||
        (userId > 0 && 'author' in signal && signal.author.userId === userId),
      ...(linesPerSecondMax === undefined ? {} : { linesPerSecondMax }),
      ...(mediaMs ? { mediaMs } : {}),
    });
    this.#emitter.on('rules', () => this.#chooseDelivery());
  }

  get status(): ConnectionStatus {
    return this.#connector.status;
  }

  get tier(): Tier {
    return this.#feed.tier;
  }

  get delivery(): Delivery {
    return this.#reader?.mode ?? 'push';
  }

  get rules(): RoomRules {
    return this.#feed.rules;
  }

  get counts(): Readonly<Record<SignalClass, SignalCounts>> {
    return this.#feed.accounts.counts;
  }

  serverMs(): number {
    return this.#clock.nowMs(performance.now()) ?? Date.now();
  }

  state<Name extends keyof RoomState>(name: Name): RoomState[Name] | undefined {
    return this.#feed.book.value(name) as RoomState[Name] | undefined;
  }

  on<Name extends keyof RoomSignalEvents>(
    name: Name,
    listener: (event: RoomSignalEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener);
  }

  connect(): void {
    this.#connector.connect();
  }

  comment(text: string): Promise<SendResult> {
    const mediaMs = this.#options.mediaMs?.();
    const place = mediaMs === undefined ? {} : { mediaMs: Math.max(0, Math.round(mediaMs)) };
    return this.#say({ type: 'comment', text, ...place });
  }

  like(count = 1): void {
    if (this.status !== 'closed') this.#outbox.like(count);
  }

  retract(signalId: string): Promise<SendResult> {
    return this.#say({ type: 'retract', signalId });
  }

  reportMedia(media: 'good' | 'poor' | 'stalled'): void {
    this.#connector.send({ type: 'health', media });
  }

  close(): void {
    this.#connector.close();
  }

  #say(signal: Parameters<Outbox['say']>[0]): Promise<SendResult> {
    if (this.status === 'closed') return Promise.resolve({ ok: false, code: 'ABORTED', retryAfterMs: 0 });
    return this.#outbox.say(signal);
  }

  #hello(ticket: string): HelloMessage {
    const { position } = this.#feed.sequence;
    const { client } = this.#options;
    if (!position) return { type: 'hello', ticket, client };
    return { type: 'hello', ticket, client, resume: { ...position, stateVersion: this.#feed.book.version } };
  }

  #heard(message: ServerMessage): void {
    if (message.type === 'pong') return this.#clock.pong(message.atMs, message.serverMs, performance.now());
    if (message.type === 'reply') {
      this.#outbox.replied(message);
      return this.#restSoon();
    }
    if (message.type === 'repaired') this.#repairs = 0;
    this.#feed.take(message);
    this.#lookForHoles();
  }

  #opened(): void {
    this.#repairs = 0;
    this.#outbox.resend();
    this.#chooseDelivery();
  }

  #statusChanged(status: ConnectionStatus, code: string, retryInMs: number): void {
    if (status === 'closed') this.#stop(code || 'ABORTED');
    this.#emitter.emit('status', { status, code, retryInMs });
  }

  #stop(code: string): void {
    for (const timer of [this.#repairTimer, this.#stateTimer, this.#restTimer]) clearTimeout(timer);
    this.#reader?.close();
    this.#reader = undefined;
    this.#outbox.close(code);
    this.#feed.close();
  }

  #lookForHoles(): void {
    if (this.#feed.sequence.needsRepair) {
      this.#repairTimer ??= setTimeout(() => this.#repair(), repairDelayMs);
    }
    if (!this.#feed.book.lacksParts || this.#stateTimer) return;
    const pauseMs = Math.max(0, this.#stateAskedAtMs + statePauseMs - performance.now());
    this.#stateTimer = setTimeout(() => this.#askState(), pauseMs + Math.random() * stateDelayMsMax);
  }

  #repair(): void {
    this.#repairTimer = undefined;
    const { position, needsRepair } = this.#feed.sequence;
    if (!position || !needsRepair || !this.#connector.isOpen) return;
    if (this.#repairs++ >= repairsMax) return this.#connector.reconnect('GAP');
    this.#connector.send({ type: 'repair', after: position });
    this.#repairTimer = setTimeout(() => this.#repair(), repairAnswerMs);
  }

  #askState(): void {
    this.#stateTimer = undefined;
    if (!this.#feed.book.lacksParts) return;
    const isAsked = this.#connector.send({ type: 'state', versions: this.#feed.book.versions });
    if (isAsked) this.#stateAskedAtMs = performance.now();
  }

  /** What the room's rules say now; one way goes on until the other brings what is said. */
  #chooseDelivery(): void {
    const { delivery } = this.#feed.rules;
    if (this.status === 'closed' || !this.#feed.sequence.position) return;
    const urls = this.#connector.readUrls;
    const mode = delivery === 'push' || urls.length === 0 ? undefined : delivery;
    if (!mode && !this.#connector.isOpen) return this.#connector.connect();
    if (this.#reader?.mode === mode) return;
    this.#reader?.close();
    this.#reader = mode && this.#read(mode, urls);
  }

  #read(mode: 'pull' | 'cached', urls: readonly string[]): Reader {
    return new Reader({
      mode,
      urls,
      fetch: this.#options.fetch ?? ((...given) => fetch(...given)),
      ticket: () => this.#connector.ticket,
      position: () => this.#feed.sequence.position,
      serverMs: () => this.serverMs(),
      lacksState: () => this.#feed.book.lacksParts,
      onPage: (page) => {
        this.#feed.takePage(page);
        this.#restSoon();
      },
      onState: (page) => this.#feed.takeStateOf(page),
      onFailing: () => this.#connector.connect(),
    });
  }

  /** What is to be said needs a link. */
  #wake(): void {
    clearTimeout(this.#restTimer);
    this.#restTimer = undefined;
    if (this.status !== 'idle') this.#connector.connect();
  }

  /** Who reads well by HTTP leaves his link when he has said nothing for a while. */
  #restSoon(): void {
    if (!this.#reader || !this.#connector.isOpen) return;
    this.#restTimer ??= setTimeout(() => {
      this.#restTimer = undefined;
      if (this.#reader && !this.#reader.isFailing && this.#outbox.isEmpty) this.#connector.rest();
    }, restMs);
  }
}
