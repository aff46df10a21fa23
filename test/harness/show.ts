import { FixturePublisher } from './fixture-publisher.ts';
import { FlvViewer } from './flv-viewer.ts';
import type { Gala, TestHost } from './gala.ts';
import { waitFor } from './wait.ts';

/**
 * A gap that a viewer would call a stall, three times the half second that we allow ourselves: publisher, viewer and
 * test share a process and the machine with what is tested.
 */
export const stallMs = 1_500;

/** A host on air with one `realtime` viewer who sees pictures. */
export class Show implements AsyncDisposable {
  readonly host: TestHost;
  readonly roomId: number;
  readonly publisher: FixturePublisher;
  readonly viewer: FlvViewer;

  private constructor(parts: Pick<Show, 'host' | 'roomId' | 'publisher' | 'viewer'>) {
    this.host = parts.host;
    this.roomId = parts.roomId;
    this.publisher = parts.publisher;
    this.viewer = parts.viewer;
  }

  static async start(gala: Gala, hostName: string): Promise<Show> {
    return Show.resume(gala, await gala.createHost(hostName));
  }

  /** The same for a host who is known already. */
  static async resume(gala: Gala, host: TestHost): Promise<Show> {
    const { rtmpUrl } = gala;
    const publisher = await FixturePublisher.start({ rtmpUrl, streamKey: host.streamKey });
    const roomId = await presentRoomId(gala, host.name);
    return new Show({ host, roomId, publisher, viewer: await Show.join(gala, roomId) });
  }

  /** One more viewer of a room, once it sees a moving picture. */
  static async join(gala: Gala, roomId: number): Promise<FlvViewer> {
    const viewer = await FlvViewer.open(`${gala.liveUrl}/live/${roomId}.flv?latency=realtime`);
    await waitFor(() => viewer.pictures.length > 25, { what: 'a second of pictures' });
    return viewer;
  }

  /** The room as anyone sees it. */
  async room(gala: Gala) {
    return (await gala.anyone.getRoom({ roomId: this.roomId })).room;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.viewer[Symbol.asyncDispose]();
    await this.publisher[Symbol.asyncDispose]();
  }
}

function presentRoomId(gala: Gala, hostName: string): Promise<number> {
  const present = () =>
    gala.anyone.enterRoom({ roomRef: `@${hostName}` }).then(
      ({ room }) => room.state === 'live' && room.roomId,
      () => undefined,
    );
  return waitFor(present, { what: `a live room of ${hostName}` }) as Promise<number>;
}
