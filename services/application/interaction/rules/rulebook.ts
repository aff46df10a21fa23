import { TokenBucket } from '@gala/lib/http';
import type { Clock } from '@gala/lib/clock';
import type { ClientSignal, RoomRole, RoomRules } from '@gala/protocol/signals';
import type { Draft, Rulebook, Said, Speaker, Verdict } from '../types.ts';
import type { FollowSource } from './follows.ts';
import { Folded } from './fold.ts';
import { HoldQueue, type HeldComment } from './hold-queue.ts';
import type { SpeakLimits } from './limits.ts';
import { Recent } from './recent.ts';
import { untilOf, type SanctionKind, type Sanctions } from './sanctions.ts';
import { roomRulesOf, type ChatSettings } from './settings.ts';
import { authorOfSignal, createSignalId } from './signal-id.ts';
import { cleanComment, hasLink, isEmotes } from './text.ts';
import type { WordFilter } from './words.ts';

/** Speakers of slow mode and sayings of unique chat that a room remembers. */
const speakersMax = 10_000;
const sayingsMax = 10_000;
/** Likes that one message may stand for. */
export const likesMax = 50;
/** When what is needed of a user could not be read. */
const unknownRetryMs = 1000;
const dayMs = 86_400_000;

export interface RulebookOptions {
  readonly settings: ChatSettings;
  /** Of the host; changed by whoever owns them. */
  readonly sanctions: Sanctions;
  /** Of the whole installation. */
  readonly siteSanctions: Pick<Sanctions, 'of'>;
  readonly words: WordFilter;
  readonly moderators: ReadonlySet<number>;
  readonly follows: FollowSource;
  readonly limits: SpeakLimits;
  readonly clock: Clock;
  /** How often each outcome was: `say`, `shadow`, `hold`, or the code of the refusal. */
  readonly outcomes?: Map<string, number>;
  readonly onClose?: (rulebook: RoomRulebook) => void;
}

type Comment = Extract<ClientSignal, { readonly type: 'comment' }>;
type CommentDraft = HeldComment['draft'];

const accepted: Verdict = { kind: 'say', drafts: [] };
const folded = new Folded();

export function openRulebook(options: RulebookOptions): RoomRulebook {
  return new RoomRulebook(options);
}

/**
 * The rules of an open room. Who asks too often is refused first, then who may not speak, then what may not be said;
 * what the room as a whole takes comes last, so that what is refused takes nothing from others.
 */
export class RoomRulebook implements Rulebook {
  readonly held = new HoldQueue();
  readonly #options: RulebookOptions;
  #settings: ChatSettings;
  #rules: RoomRules;
  #words: WordFilter;
  #moderators: ReadonlySet<number>;
  readonly #room: TokenBucket;
  readonly #spokenAtMs = new Recent<string, number>(speakersMax);
  readonly #saidAtMs = new Recent<number, number>(sayingsMax);

  constructor(options: RulebookOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#rules = roomRulesOf(options.settings);
    this.#words = options.words;
    this.#moderators = options.moderators;
    this.#room = new TokenBucket(options.limits.config.commentsPerRoom, options.clock.monotonicMs());
  }

  get rules(): RoomRules {
    return this.#rules;
  }

  get settings(): ChatSettings {
    return this.#settings;
  }

  judge(said: Said): Verdict {
    const verdict = this.#judge(said);
    const outcome = verdict.kind === 'refuse' ? verdict.code : verdict.kind;
    const { outcomes } = this.#options;
    outcomes?.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    return verdict;
  }

  #judge(said: Said): Verdict {
    const role = this.roleOf(said.speaker);
    const { signal } = said;
    if (signal.type === 'comment') return this.#comment(said, signal, role);
    return signal.type === 'like'
      ? this.#like(said, signal.count)
      : this.#retract(said, signal.signalId, role);
  }

  prepare(speakers: readonly Speaker[]): Promise<void> | undefined {
    if (!this.#settings.followersOnly) return undefined;
    const asked = speakers.filter((each) => each.userId !== 0 && !isStaff(this.roleOf(each)));
    return asked.length > 0 ? this.#options.follows.prepare(asked.map(({ userId }) => userId)) : undefined;
  }

  /** Tickets live for a while: who is a moderator is asked of those who are now. */
  roleOf({ userId, role }: Pick<Speaker, 'userId' | 'role'>): RoomRole {
    if (role === 'operator' || role === 'host') return role;
    return userId !== 0 && this.#moderators.has(userId) ? 'moderator' : 'viewer';
  }

  /** From now on. What is remembered of slow mode and unique chat stays. */
  change(settings: ChatSettings): void {
    this.#settings = settings;
    this.#rules = roomRulesOf(settings);
  }

  changeWords(words: WordFilter): void {
    this.#words = words;
  }

  changeModerators(moderators: ReadonlySet<number>): void {
    this.#moderators = moderators;
  }

  [Symbol.dispose](): void {
    this.#options.onClose?.(this);
  }

  #comment(said: Said, comment: Comment, role: RoomRole): Verdict {
    const { speaker, nowMs } = said;
    const { limits } = this.#options;
    const isExempt = isStaff(role);
    const waitMs = isExempt ? limits.takeStaff(speaker) : limits.take(speaker, 'comment');
    if (waitMs > 0) return refuse('TOO_FAST', waitMs);
    const refused = isExempt ? undefined : this.#refusedSpeaker(said);
    if (refused) return refused;
    const text = typeof comment.text === 'string' ? cleanComment(comment.text) : undefined;
    if (text === undefined) return refuse('COMMENT_INVALID');
    const draft = commentOf({ ...said, role }, { text, mediaMs: comment.mediaMs });
    if (isExempt) return { kind: 'say', drafts: [draft] };
    const shadow = this.#sanctionUntil(speaker.userId, { kind: 'shadow', nowMs });
    return this.#judgeText(draft, said, shadow !== undefined);
  }

  /** Who may not speak at all, or not yet. */
  #refusedSpeaker({ speaker, nowMs }: Said): Verdict | undefined {
    const { isClosed, guestsMaySpeak, followersOnly, slowModeSeconds } = this.#settings;
    const { userId } = speaker;
    if (this.#sanctionUntil(userId, { kind: 'ban', nowMs }) !== undefined) return refuse('BANNED');
    const mutedUntilMs = this.#sanctionUntil(userId, { kind: 'mute', nowMs });
    if (mutedUntilMs !== undefined) return refuse('MUTED', mutedUntilMs && mutedUntilMs - nowMs);
    if (isClosed) return refuse('CHAT_CLOSED');
    if (userId === 0 && (!guestsMaySpeak || followersOnly)) return refuse('SIGN_IN_TO_SPEAK');
    if (followersOnly) {
      const refused = this.#refusedFollower(userId, nowMs);
      if (refused) return refused;
    }
    const sinceMs = nowMs - (this.#spokenAtMs.get(keyOf(speaker)) ?? -Infinity);
    const waitMs = slowModeSeconds * 1000 - sinceMs;
    return waitMs > 0 ? refuse('SLOW_MODE', waitMs) : undefined;
  }

  #refusedFollower(userId: number, nowMs: number): Verdict | undefined {
    const sinceMs = this.#options.follows.sinceMs(userId);
    if (sinceMs === undefined) return refuse('UNAVAILABLE', unknownRetryMs);
    if (sinceMs === 0) return refuse('FOLLOWERS_ONLY');
    const waitMs = sinceMs + this.#settings.followedMinutesMin * 60_000 - nowMs;
    return waitMs > 0 ? refuse('FOLLOWERS_ONLY', waitMs) : undefined;
  }

  /** What may not be said, or waits; takes its place in the room when it may. */
  #judgeText(draft: CommentDraft, { speaker, nowMs }: Said, isShadowed: boolean): Verdict {
    const { emoteOnly, links, holdsAll, uniqueChat } = this.#settings;
    if (emoteOnly && !isEmotes(draft.text)) return refuse('EMOTES_ONLY');
    const isLink = links !== 'allow' && hasLink(draft.text);
    if (isLink && links === 'refuse') return refuse('LINK_REFUSED');
    const { action, text } = this.#words.apply(draft.text);
    if (action === 'refuse') return refuse('WORD_REFUSED');
    const saying = uniqueChat ? sayingOf(draft.text) : 0;
    const waitMs = uniqueChat ? this.#saidWaitMs(saying, nowMs) : 0;
    if (waitMs > 0) return refuse('SAID_BEFORE', waitMs);
    const roomWaitMs = Math.ceil(this.#room.take(this.#options.clock.monotonicMs()) * 1000);
    if (roomWaitMs > 0) return refuse('ROOM_BUSY', roomWaitMs);
    if (this.#settings.slowModeSeconds > 0) this.#spokenAtMs.set(keyOf(speaker), nowMs);
    if (uniqueChat) this.#saidAtMs.set(saying, nowMs);
    const shown = text === draft.text ? draft : { ...draft, text };
    if (isShadowed) return { kind: 'shadow', drafts: [shown] };
    const reason = holdsAll ? 'all' : action === 'hold' ? 'word' : isLink ? 'link' : undefined;
    return reason ? this.#hold(shown, { reason, nowMs }) : { kind: 'say', drafts: [shown] };
  }

  #hold(draft: CommentDraft, { reason, nowMs }: { reason: HeldComment['reason']; nowMs: number }): Verdict {
    const { signalId } = draft;
    this.held.add({ signalId, draft, heldAtMs: nowMs, reason });
    return { kind: 'hold', signalId };
  }

  #like({ speaker, nowMs }: Said, count: number): Verdict {
    const waitMs = this.#options.limits.take(speaker, 'like');
    if (waitMs > 0) return refuse('TOO_FAST', waitMs);
    if (!Number.isInteger(count) || count < 1 || count > likesMax) return refuse('SIGNAL_INVALID');
    const holds = (kind: SanctionKind) => this.#sanctionUntil(speaker.userId, { kind, nowMs });
    if (holds('ban') !== undefined) return refuse('BANNED');
    const draft: Draft = { type: 'like', class: 'ambient', signalId: '', count };
    return { kind: holds('shadow') === undefined ? 'say' : 'shadow', drafts: [draft] };
  }

  /** By its author and by moderators. Retracted twice it is gone once: nothing is remembered, since saying so may fail. */
  #retract({ speaker, nowMs }: Said, signalId: string, role: RoomRole): Verdict {
    const isExempt = isStaff(role);
    const waitMs = isExempt
      ? this.#options.limits.takeStaff(speaker)
      : this.#options.limits.take(speaker, 'comment');
    if (waitMs > 0) return refuse('TOO_FAST', waitMs);
    const author = typeof signalId === 'string' ? authorOfSignal(signalId) : undefined;
    if (author === undefined) return refuse('SIGNAL_UNKNOWN');
    const isOwn = speaker.userId !== 0 && author === speaker.userId;
    if (!isOwn && !isExempt) return refuse('NOT_MODERATOR');
    if (this.held.take(signalId, nowMs)) return accepted;
    const shadow = isExempt ? undefined : this.#sanctionUntil(speaker.userId, { kind: 'shadow', nowMs });
    return { kind: shadow === undefined ? 'say' : 'shadow', drafts: [retractionOf(signalId)] };
  }

  /** Of the host and of the installation; 0 for good, undefined for none. */
  #sanctionUntil(
    userId: number,
    asked: { readonly kind: SanctionKind; readonly nowMs: number },
  ): number | undefined {
    if (userId === 0) return undefined;
    const here = untilOf(this.#options.sanctions.of(userId), asked);
    const everywhere = untilOf(this.#options.siteSanctions.of(userId), asked);
    if (here === undefined || everywhere === undefined) return here ?? everywhere;
    return here === 0 || everywhere === 0 ? 0 : Math.max(here, everywhere);
  }

  /** Ms until it may be said again. */
  #saidWaitMs(saying: number, nowMs: number): number {
    const saidAtMs = this.#saidAtMs.get(saying);
    return saidAtMs === undefined ? 0 : saidAtMs + this.#settings.uniqueChatSeconds * 1000 - nowMs;
  }
}

export function isStaff(role: RoomRole): boolean {
  return role !== 'viewer';
}

export function retractionOf(signalId: string): Draft {
  return { type: 'retract', class: 'control', signalId: '', retracted: signalId };
}

function commentOf(
  { speaker, role }: Said & { readonly role: RoomRole },
  { text, mediaMs }: { readonly text: string; readonly mediaMs: number | undefined },
): CommentDraft {
  const { userId, name } = speaker;
  const hasPlace = typeof mediaMs === 'number' && Number.isFinite(mediaMs) && mediaMs >= 0;
  return {
    type: 'comment',
    class: isStaff(role) ? 'host' : 'member',
    signalId: createSignalId(userId),
    author: { userId, name, role },
    text,
    count: 1,
    ...(hasPlace && { mediaMs: Math.round(mediaMs) }),
  };
}

/** Users by id; who has not signed in by device, as far as that is one. */
function keyOf({ userId, device }: Speaker): string {
  return userId === 0 ? `-${device}` : String(userId);
}

/** What is nothing but punctuation is compared as it stands. */
function sayingOf(text: string): number {
  folded.read(text);
  if (folded.length > 0) return folded.hash();
  let hash = 7;
  for (let at = 0; at < text.length; at++) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) >>> 0;
  return -hash;
}

/** How long one has to wait is told in whole ms, at most a day at once; 0: waiting does not help. */
function refuse(code: string, retryAfterMs = 0): Verdict {
  return { kind: 'refuse', code, retryAfterMs: Math.min(Math.ceil(retryAfterMs), dayMs) };
}
