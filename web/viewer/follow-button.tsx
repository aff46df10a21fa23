import { useCallback, useState } from 'react';
import { ApiError } from '@gala/sdk/room';
import { client } from '../shell/client.ts';
import { usePoll } from '../shell/poll.ts';
import { useWords } from '../shell/words.tsx';
import { formatCount } from '../words/index.ts';

const refreshMs = 30_000;

/** Follows the host and lets go again; how many do. Who has not signed in is told so. */
export default function FollowButton({ hostRef }: { readonly hostRef: string }) {
  const { t, explain, language } = useWords();
  const ask = useCallback(
    async (signal: AbortSignal) => client.getFollow({ hostRef }, { signal }),
    [hostRef],
  );
  const { answer, refresh } = usePoll(ask, refreshMs);
  const [failed, setFailed] = useState('');
  if (!answer) return null;
  const follows = answer.followedAtMs !== undefined;
  const change = async (): Promise<void> => {
    setFailed('');
    try {
      // Who came by a cookie has to know the session's token before he may change something.
      await client.getSession();
      await (follows ? client.unfollowHost({ hostRef }) : client.followHost({ hostRef }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFailed(error.code === 'UNAUTHENTICATED' ? t('follow.signIn') : explain(error));
    }
    refresh();
  };
  return (
    <>
      {failed !== '' && (
        <span className="form-error" role="alert">
          {failed}
        </span>
      )}
      <button
        className={`button small follow-button${follows ? '' : ' primary'}`}
        aria-pressed={follows}
        onClick={() => void change()}
        data-testid="follow"
      >
        {follows ? t('follow.following') : t('follow.follow')}
        {answer.followers > 0 && (
          <span className="follow-count">{formatCount(language, answer.followers)}</span>
        )}
      </button>
    </>
  );
}
