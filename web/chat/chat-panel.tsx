import { useEffect, useState, useSyncExternalStore, type ReactNode } from 'react';
import { createPortal } from 'react-dom';
import type { Room } from '@gala/protocol/rest';
import { openRoomSignals } from '@gala/sdk/signal';
import type { PlayerPhase } from '../player/state.ts';
import { client } from '../shell/client.ts';
import { deviceToken } from '../viewer/device.ts';
import { ChatHead } from './chat-head.tsx';
import { ComposerForm } from './composer-form.tsx';
import { Danmaku } from './danmaku.tsx';
import { LineLog } from './line-log.tsx';
import { useOverlayChoice } from './overlay-choice.ts';
import { StatusLine } from './status-line.tsx';
import { ChatStore } from './store.ts';
import { ChatWords, useChatWords } from './chat-words.tsx';

export interface ChatPanelProps {
  readonly room: Room;
  readonly phase: PlayerPhase;
  /** Place of the picture in the stream's timeline. */
  readonly mediaMs: () => number | undefined;
  /** Lies over the picture. */
  readonly overlay: HTMLElement | null;
  readonly onViewers: (count: number | undefined) => void;
}

/** The chat of a room, with what belongs to it over the picture. */
export default function ChatPanel(props: ChatPanelProps) {
  return (
    <ChatWords>
      <Panel {...props} />
    </ChatWords>
  );
}

function Panel(props: ChatPanelProps) {
  const { room } = props;
  const [session, setSession] = useState(0);
  const isOnAir = room.state === 'live' || room.state === 'hold';
  if (!isOnAir) return <OffAir isEnded={room.state === 'ended'} />;
  return (
    <OpenRoom
      key={`${room.roomId} ${session}`}
      {...props}
      onSignedIn={() => setSession((count) => count + 1)}
    />
  );
}

function OffAir({ isEnded }: { readonly isEnded: boolean }) {
  const say = useChatWords();
  return (
    <Frame>
      <h2 id="chat-title" className="chat-head">
        {say('title')}
      </h2>
      <p className="chat-empty">{say(isEnded ? 'ended' : 'offAir')}</p>
    </Frame>
  );
}

function Frame({ children }: { readonly children: ReactNode }) {
  return (
    <section className="chat" aria-labelledby="chat-title" data-testid="chat">
      {children}
    </section>
  );
}

interface OpenRoomProps extends ChatPanelProps {
  readonly onSignedIn: () => void;
}

function OpenRoom(props: OpenRoomProps) {
  const store = useStore(props);
  return store ? <Chat {...props} store={store} /> : <Frame>{null}</Frame>;
}

function Chat({
  room,
  overlay,
  onViewers,
  onSignedIn,
  store,
}: OpenRoomProps & { readonly store: ChatStore }) {
  const view = useSyncExternalStore(store.subscribe, store.view);
  const [choice, choose] = useOverlayChoice();
  const viewers = view.viewers?.count;
  useEffect(() => onViewers(viewers), [onViewers, viewers]);
  return (
    <Frame>
      <ChatHead view={view} room={room} overlay={choice} onOverlay={choose} />
      <StatusLine view={view} />
      <LineLog store={store} view={view} room={room} />
      <ComposerForm store={store} view={view} onSignedIn={onSignedIn} />
      {overlay && createPortal(<Danmaku store={store} choice={choice} />, overlay)}
    </Frame>
  );
}

/** Opened when the panel is on the page and closed when it leaves. */
function useStore({ room, phase, mediaMs }: ChatPanelProps): ChatStore | undefined {
  const { roomId } = room;
  const [store, setStore] = useState<ChatStore>();
  useEffect(() => {
    const left = new AbortController();
    void openStore(roomId, mediaMs).then((opened) => {
      if (left.signal.aborted) return opened.close();
      left.signal.addEventListener('abort', () => opened.close());
      setStore(opened);
    });
    return () => left.abort();
  }, [roomId, mediaMs]);
  useEffect(() => {
    if (phase === 'playing' || phase === 'reconnecting') {
      store?.reportMedia(phase === 'playing' ? 'good' : 'stalled');
    }
  }, [store, phase]);
  return store;
}

/** Asks who is there first: whose cookie it is has to know the session's token before he may post. */
async function openStore(roomId: number, mediaMs: () => number | undefined): Promise<ChatStore> {
  const session = await client.getSession().catch(() => undefined);
  const enter = () => client.enterSignals({ roomId, device: deviceToken() });
  return new ChatStore({ userId: session?.principal.userId ?? 0, open: openRoomSignals, enter, mediaMs });
}
