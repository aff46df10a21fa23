import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeAmf0, type AmfObject } from '@gala/media/amf';
import { encodeFlvHeader, encodeTag, type FlvTag } from '@gala/media/flv';
import { FixtureMedia } from './fixture-media.ts';

/** What a viewer gets at once, as from a GOP cache. */
const aheadMs = 1_000;

/** A plain HTTP-FLV server that sends the fixture over and over, and what a test wants to put between. */
export class FlvServer implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #viewers = new Set<Viewer>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (_, response: ServerResponse) => {
      const viewer = new Viewer(response);
      this.#viewers.add(viewer);
      response.once('close', () => {
        viewer.end();
        this.#viewers.delete(viewer);
      });
    });
  }

  static async start(): Promise<FlvServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FlvServer(server);
  }

  get viewerCount(): number {
    return this.#viewers.size;
  }

  /** Sends a script tag with one object to all viewers. */
  sendScript(name: string, value: AmfObject): void {
    for (const viewer of this.#viewers) viewer.sendScript(name, value);
  }

  /** The end of the stream for all viewers. */
  endAll(): void {
    for (const viewer of this.#viewers) viewer.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endAll();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

class Viewer {
  readonly #response: ServerResponse;
  readonly #media: FixtureMedia;
  #timestampMs = 0;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, { 'Content-Type': 'video/x-flv', 'Access-Control-Allow-Origin': '*' });
    response.write(encodeFlvHeader({ hasAudio: true, hasVideo: true }));
    const send = (tag: FlvTag): void => {
      this.#timestampMs = tag.timestampMs;
      response.write(encodeTag(tag));
    };
    this.#media = new FixtureMedia(send, { aheadMs });
  }

  sendScript(name: string, value: AmfObject): void {
    const payload = encodeAmf0(name, value);
    this.#response.write(encodeTag({ type: 'data', timestampMs: this.#timestampMs, payload }));
  }

  end(): void {
    this.#media[Symbol.dispose]();
    this.#response.end();
  }
}
