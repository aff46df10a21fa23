import { lazy, useEffect, useState } from 'react';
import { ApiError, createRoomClient, type RoomClient } from '@gala/sdk/room';
import { client } from '../shell/client.ts';
import { Link } from '../shell/link.tsx';
import type { ConsolePart } from '../shell/route.ts';
import { useTitle } from '../shell/title.ts';
import { useWords } from '../shell/words.tsx';
import { StreamList } from './stream-list.tsx';
import { TokenForm } from './token-form.tsx';
import { forgetToken, readToken } from './token.ts';
import { ConsoleWords, useConsoleWords, type ConsoleWord } from './words.tsx';

const StreamDetail = lazy(() => import('./stream-detail.tsx'));
const SwitchesPage = lazy(() => import('./switches-page.tsx'));
const NoticePage = lazy(() => import('./notice-page.tsx'));
const AreasPage = lazy(() => import('./areas-page.tsx'));
const ProgrammesPage = lazy(() => import('./programmes-page.tsx'));
const JobsPage = lazy(() => import('./jobs-page.tsx'));

type Access =
  | { readonly kind: 'asking' }
  | { readonly kind: 'refused'; readonly error: ApiError }
  | { readonly kind: 'operator'; readonly client: RoomClient; readonly byToken: boolean };

interface ConsolePageProps {
  /** The stream that is looked at; undefined is the list of all. */
  readonly roomId: number | undefined;
  readonly part: ConsolePart;
}

/** For operators: by the session of an account with that role, or by a token that this tab keeps. */
export default function ConsolePage(props: ConsolePageProps) {
  return (
    <ConsoleWords>
      <Console {...props} />
    </ConsoleWords>
  );
}

function Console({ roomId, part }: ConsolePageProps) {
  const say = useConsoleWords();
  const { explain } = useWords();
  useTitle(say('title'));
  const [token, setToken] = useState(readToken);
  const [access, setAccess] = useState<Access>({ kind: 'asking' });
  useEffect(() => {
    const controller = new AbortController();
    void openConsole(token, controller.signal).then((found) => controller.signal.aborted || setAccess(found));
    return () => controller.abort();
  }, [token]);
  if (access.kind === 'asking') {
    return (
      <p className="hint page-wait" role="status">
        {say('loading')}
      </p>
    );
  }
  if (access.kind === 'refused') {
    const word = refusalWord(access.error, token);
    const error = word === 'other' ? explain(access.error) : word && say(word);
    return <TokenForm onToken={setToken} {...(error !== undefined && { error })} />;
  }
  const leave = (): void => {
    forgetToken();
    setToken(undefined);
    setAccess({ kind: 'asking' });
  };
  return (
    <div className="console" data-testid="console">
      <ConsoleParts part={part} />
      {part === 'jobs' ? (
        <JobsPage client={access.client} explain={explain} />
      ) : part === 'switches' ? (
        <SwitchesPage client={access.client} explain={explain} />
      ) : part === 'notice' ? (
        <NoticePage client={access.client} explain={explain} />
      ) : part === 'areas' ? (
        <AreasPage client={access.client} explain={explain} />
      ) : part === 'programmes' ? (
        <ProgrammesPage client={access.client} explain={explain} />
      ) : roomId === undefined ? (
        <StreamList client={access.client} explain={explain} />
      ) : (
        <StreamDetail key={roomId} client={access.client} roomId={roomId} explain={explain} />
      )}
      {access.byToken && (
        <button className="button quiet small console-leave" onClick={leave}>
          {say('signOut')}
        </button>
      )}
    </div>
  );
}

function ConsoleParts({ part }: Pick<ConsolePageProps, 'part'>) {
  const say = useConsoleWords();
  const current = (own: ConsolePart) => (own === part ? { 'aria-current': 'page' as const } : {});
  return (
    <nav className="console-parts" aria-label={say('parts')}>
      <Link to="/console" {...current('streams')}>
        {say('streams')}
      </Link>
      <Link to="/console/jobs" {...current('jobs')}>
        {say('jobs')}
      </Link>
      <Link to="/console/areas" {...current('areas')}>
        {say('areas')}
      </Link>
      <Link to="/console/programmes" {...current('programmes')}>
        {say('programmes')}
      </Link>
      <Link to="/console/notice" {...current('notice')}>
        {say('notice')}
      </Link>
      <Link to="/console/switches" {...current('switches')}>
        {say('switches')}
      </Link>
    </nav>
  );
}

/** Listing the edges is what every operator may, whoever he is. */
async function openConsole(token: string | undefined, signal: AbortSignal): Promise<Access> {
  const used =
    token === undefined ? client : createRoomClient({ baseUrl: new URL('.', document.baseURI).href, token });
  try {
    // A session's change token comes with this answer; the operator token has no session to read.
    if (token === undefined) await used.getSession(undefined, { signal });
    await used.listEdges(undefined, { signal });
    return { kind: 'operator', client: used, byToken: token !== undefined };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { kind: 'refused', error };
  }
}

/** Who is simply not signed in has done nothing wrong yet. */
function refusalWord({ code }: ApiError, token: string | undefined): ConsoleWord | 'other' | undefined {
  if (code !== 'UNAUTHENTICATED' && code !== 'FORBIDDEN') return 'other';
  if (token !== undefined) return 'signIn.refused';
  return code === 'FORBIDDEN' ? 'signIn.notOperator' : undefined;
}
