import { useCallback, useState } from 'react';
import type { Room } from '@gala/protocol/rest';
import { Notice } from '../design/notice.tsx';
import { client } from '../shell/client.ts';
import { Link } from '../shell/link.tsx';
import { usePoll } from '../shell/poll.ts';
import { useTitle } from '../shell/title.ts';
import { SignIn } from '../studio/sign-in.tsx';
import { HeldQueue } from './held-queue.tsx';
import { ModeratorList } from './moderator-list.tsx';
import { ModerateWords, useExplain, useModerateWords } from './moderate-words.tsx';
import { SanctionList } from './sanction-list.tsx';
import { WordEditor } from './word-editor.tsx';

const refreshMs = 10_000;

/** What the host and the moderators of a room look after. */
export default function ModeratePage({ roomId }: { readonly roomId: number }) {
  const [signedIn, setSignedIn] = useState(0);
  return (
    <ModerateWords>
      <Page key={signedIn} roomId={roomId} onSignedIn={() => setSignedIn((count) => count + 1)} />
    </ModerateWords>
  );
}

interface PageProps {
  readonly roomId: number;
  readonly onSignedIn: () => void;
}

function Page({ roomId, onSignedIn }: PageProps) {
  const say = useModerateWords();
  const explain = useExplain();
  const ask = useCallback((signal: AbortSignal) => askRoom(roomId, signal), [roomId]);
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const host = answer?.room.hostName ?? '';
  useTitle(host === '' ? '' : say('title', { host }));
  if (error?.code === 'UNAUTHENTICATED') return <SignIn title={say('signIn')} onSession={onSignedIn} />;
  if (answer) return <Sections room={answer.room} />;
  if (!error) {
    return (
      <p className="hint page-wait" role="status">
        {say('loading')}
      </p>
    );
  }
  const isRefused = error.code === 'NOT_MODERATOR' || error.code === 'FORBIDDEN';
  return (
    <Notice title={say('failed')} text={isRefused ? say('refused') : explain(error)} testId="moderate-failed">
      <button className="button primary" onClick={refresh}>
        {say('retry')}
      </button>
    </Notice>
  );
}

/** Whoever may read the sanctions may moderate; the session tells the client its token. */
async function askRoom(roomId: number, signal: AbortSignal): Promise<{ readonly room: Room }> {
  await client.getSession(undefined, { signal });
  const { room } = await client.getRoom({ roomId }, { signal });
  await client.listSanctions({ hostRef: String(room.hostId), limit: 1 }, { signal });
  return { room };
}

function Sections({ room }: { readonly room: Room }) {
  const say = useModerateWords();
  return (
    <div className="moderate" data-testid="moderate">
      <div className="section-head">
        <h1>{say('title', { host: room.hostName })}</h1>
        <Link to={`/@${room.hostName}`} className="plain">
          {say('back')}
        </Link>
      </div>
      <HeldQueue roomId={room.roomId} />
      <SanctionList hostRef={String(room.hostId)} />
      <div className="studio-columns">
        <WordEditor hostRef={String(room.hostId)} />
        <ModeratorList hostRef={String(room.hostId)} />
      </div>
    </div>
  );
}
