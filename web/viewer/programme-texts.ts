import type { ApiError } from '@gala/sdk/room';
import { useWords } from '../shell/words.tsx';
import type { Language } from '../words/index.ts';

/** Texts of programmes; they come with their page, so that others do not load them. */
const en = {
  angles: 'Cameras',
  off: 'not on air',
  reserve: 'I will come',
  reserved: 'You will come',
  reservations: '{count} will come',
  over: 'This event is over. Thank you for watching.',
  cancelled: 'This event was cancelled.',
  failed: 'This event cannot be shown',
  PROGRAMME_UNKNOWN: 'There is no such event. Check the address.',
  PROGRAMME_CLOSED: 'This event is over or was cancelled.',
  RESERVATIONS_FULL: 'This event takes no more reservations.',
};
const zh: Readonly<Record<ProgrammeWord, string>> = {
  angles: '机位',
  off: '未开播',
  reserve: '预约',
  reserved: '已预约',
  reservations: '{count} 人已预约',
  over: '活动已结束，感谢观看。',
  cancelled: '活动已取消。',
  failed: '无法显示这个活动',
  PROGRAMME_UNKNOWN: '没有这个活动，请检查地址。',
  PROGRAMME_CLOSED: '活动已结束或已取消。',
  RESERVATIONS_FULL: '预约人数已满。',
};
const texts: Readonly<Record<Language, Readonly<Record<ProgrammeWord, string>>>> = { en, zh };

type ProgrammeWord = keyof typeof en;

/** What a programme says in the language of the page; failures that are its own in its own words. */
export function useProgrammeWords() {
  const { language, explain } = useWords();
  const say = (word: ProgrammeWord): string => texts[language][word];
  return {
    say,
    language,
    explain: (error: ApiError): string =>
      error.code in texts[language] ? say(error.code as ProgrammeWord) : explain(error),
  };
}
