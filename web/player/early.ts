import { closeStream, connect, type ConnectOptions, type ConnectTry } from './connect.ts';
import { FallBack } from './fall-back.ts';

interface Early {
  readonly roomRef: string;
  readonly fallBack: FallBack;
  readonly started: ConnectTry;
}

let early: Early | undefined;

/** Starts watching while the page itself is still loading; the player takes over what is there by then. */
export function connectEarly(options: Omit<ConnectOptions, 'fallBack'>): void {
  const fallBack = new FallBack();
  early = { roomRef: options.roomRef, fallBack, started: connect({ ...options, fallBack }) };
}

/** The try that was started early for this room, once. */
export function takeEarly(roomRef: string): Early | undefined {
  const taken = early;
  early = undefined;
  if (taken?.roomRef === roomRef) return taken;
  void taken?.started.result.then((result) => result.kind === 'open' && closeStream(result.stream));
  return undefined;
}
