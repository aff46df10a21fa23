import { connect, type ConnectOptions, type ConnectTry } from './connect.ts';

interface Early {
  readonly roomRef: string;
  readonly started: ConnectTry;
}

let early: Early | undefined;

/** Starts watching while the page itself is still loading; the player takes over what is there by then. */
export function connectEarly(options: ConnectOptions): void {
  early = { roomRef: options.roomRef, started: connect(options) };
}

/** The try that was started early for this room, once. */
export function takeEarly(roomRef: string): ConnectTry | undefined {
  const taken = early;
  early = undefined;
  if (taken?.roomRef === roomRef) return taken.started;
  void taken?.started.result.then((result) => result.kind === 'open' && result.feed.close());
  return undefined;
}
