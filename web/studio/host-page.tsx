import { lazy, Suspense, useEffect, useState } from 'react';
import type { AnswerOf, ApiError } from '@gala/sdk/room';
import { Icon } from '../design/icon.tsx';
import { Notice } from '../design/notice.tsx';
import { client } from '../shell/client.ts';
import { usePoll, type Ask } from '../shell/poll.ts';
import { useTitle } from '../shell/title.ts';
import { useWords } from '../shell/words.tsx';
import { Broadcast } from './broadcast.tsx';
import { Publish } from './publish.tsx';
import { RoomSettings } from './room-settings.tsx';
import { Schedule } from './schedule.tsx';
import { SignIn } from './sign-in.tsx';

/** Below the fold, and of a host who has recorded something. */
const Recordings = lazy(() => import('./recordings.tsx'));

type Session = AnswerOf<'getSession'>;
type Who =
  | { readonly kind: 'asking' }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'user'; readonly session: Session };

const refreshMs = 2_000;
const askHost: Ask<AnswerOf<'getMyHost'>> = (signal) => client.getMyHost(undefined, { signal });

export default function HostPage() {
  const { t } = useWords();
  useTitle(t('host.title'));
  const [who, setWho] = useState<Who>({ kind: 'asking' });
  useEffect(() => {
    const controller = new AbortController();
    client.getSession(undefined, { signal: controller.signal }).then(
      (session) => setWho({ kind: 'user', session }),
      // Whatever the reason, the form is the way on; it says what is wrong when it is used.
      () => controller.signal.aborted || setWho({ kind: 'nobody' }),
    );
    return () => controller.abort();
  }, []);
  if (who.kind === 'asking')
    return (
      <p className="hint page-wait" role="status">
        {t('host.loading')}
      </p>
    );
  if (who.kind === 'nobody') return <SignIn onSession={(session) => setWho({ kind: 'user', session })} />;
  return <Studio session={who.session} onSignedOut={() => setWho({ kind: 'nobody' })} />;
}

interface StudioProps {
  readonly session: Session;
  readonly onSignedOut: () => void;
}

function Studio({ session, onSignedOut }: StudioProps) {
  const { t } = useWords();
  const { answer, error, refresh } = usePoll(askHost, refreshMs);
  const lost = error?.code === 'UNAUTHENTICATED';
  useEffect(() => {
    if (lost) onSignedOut();
  }, [lost, onSignedOut]);
  return (
    <div className="studio" data-testid="studio">
      <div className="section-head">
        <h1>{t('host.title')}</h1>
        <SignOut name={session.principal.name} onSignedOut={onSignedOut} />
      </div>
      {!answer && !error && (
        <p className="hint" role="status">
          {t('host.loading')}
        </p>
      )}
      {!answer && error && <StudioFailed error={error} onRetry={refresh} />}
      {answer && (
        <>
          <Broadcast host={answer.host} room={answer.room} onChange={refresh} />
          <div className="studio-columns">
            <Publish {...answer.publish} />
            <RoomSettings host={answer.host} onSaved={refresh} />
          </div>
          <Schedule room={answer.room} onChange={refresh} />
          <Suspense fallback={null}>
            <Recordings />
          </Suspense>
        </>
      )}
    </div>
  );
}

function StudioFailed({ error, onRetry }: { readonly error: ApiError; readonly onRetry: () => void }) {
  const { t, explain } = useWords();
  if (error.code === 'FORBIDDEN' || error.code === 'HOST_UNKNOWN') {
    return <Notice title={t('host.notHost.title')} text={t('host.notHost.text')} testId="not-host" />;
  }
  return (
    <Notice title={t('host.failed.title')} text={explain(error)}>
      <button className="button primary" onClick={onRetry}>
        {t('player.retry')}
      </button>
    </Notice>
  );
}

function SignOut({ name, onSignedOut }: { readonly name: string; readonly onSignedOut: () => void }) {
  const { t } = useWords();
  const leave = (): void => {
    // A session that the server no longer knows is signed out as well.
    client.signOut().then(onSignedOut, onSignedOut);
  };
  return (
    <p className="who">
      <span>{name}</span>
      <button className="button quiet small" onClick={leave} data-testid="sign-out">
        <Icon name="leave" />
        {t('host.signOut')}
      </button>
    </p>
  );
}
