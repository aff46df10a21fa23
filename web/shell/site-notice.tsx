import type { AnswerOf } from '@gala/sdk/room';
import { client } from './client.ts';
import { usePoll, type Ask } from './poll.ts';
import { useWords } from './words.tsx';

const refreshMs = 30_000;
const ask: Ask<AnswerOf<'getSiteNotice'>> = (signal) => client.getSiteNotice(undefined, { signal });

/** What operators tell on every page. */
export function SiteNotice() {
  const { language } = useWords();
  const { notice } = usePoll(ask, refreshMs).answer ?? {};
  if (!notice) return null;
  return (
    <p className="banner site-notice" role="status" data-testid="site-notice">
      {notice.texts[language]}
    </p>
  );
}
