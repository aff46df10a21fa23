import { openRules, type RoomRules } from '@gala/protocol/signals';

export const linkRules = ['allow', 'hold', 'refuse'] as const;
export type LinkRule = (typeof linkRules)[number];

/** How a host's chat goes; lasts from one show to the next. */
export interface ChatSettings extends RoomRules {
  /** Who has not signed in may comment; reading and liking need no sign-in anyway. */
  readonly guestsMaySpeak: boolean;
  /** With `followersOnly`: how long somebody must have followed. */
  readonly followedMinutesMin: number;
  /** With `uniqueChat`: for how long what was said is not said again. */
  readonly uniqueChatSeconds: number;
  readonly links: LinkRule;
}

export const slowModeSecondsMax = 3600;
export const followedMinutesMax = 129_600;
export const uniqueChatSecondsMax = 3600;

export const defaultChatSettings: ChatSettings = {
  ...openRules,
  guestsMaySpeak: false,
  followedMinutesMin: 0,
  uniqueChatSeconds: 60,
  links: 'allow',
};

/** What everyone is told of them. */
export function roomRulesOf(settings: ChatSettings): RoomRules {
  const { slowModeSeconds, followersOnly, emoteOnly, uniqueChat, holdsAll, isClosed, delivery } = settings;
  return { slowModeSeconds, followersOnly, emoteOnly, uniqueChat, holdsAll, isClosed, delivery };
}
