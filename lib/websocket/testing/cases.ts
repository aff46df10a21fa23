import { clientFrame, closePayload, RawPeer, type Frame } from './raw-peer.ts';

/** What a client sends, and what the echo server must answer, frame by frame. */
export interface Case {
  /** Section of the RFC, and what is tried. */
  readonly title: string;
  readonly send: readonly Buffer[];
  /** As `described`; a status at the end means that the server closes by itself. */
  readonly answers: readonly (string | number)[];
  /** Sends the bytes in pieces of this size. */
  readonly chop?: number;
}

const names: Readonly<Record<number, string>> = { 1: 'text', 2: 'binary', 9: 'ping', 10: 'pong' };

/** `text hello`; of long payloads the size; of a close its status alone. */
function described({ fin, reserved, opcode, payload }: Frame): string | number {
  if (opcode === 8) return payload.length === 0 ? 1005 : payload.readUInt16BE();
  const odd = fin && reserved === 0 ? '' : ' (odd flags)';
  return `${names[opcode] ?? opcode} ${content(payload)}${odd}`;
}

/** As hexadecimal numbers, but for what is plain text. */
export function content(payload: Buffer | string): string {
  const bytes = Buffer.from(payload);
  if (bytes.length > 130) return `of ${bytes.length} B`;
  return /^[\x20-\x7e]*$/.test(bytes.toString('latin1')) ? bytes.toString() : bytes.toString('hex');
}

/**
 * Runs a case. Unless the server is to close by itself, the client closes at the end, so that the answers are all
 * there are.
 */
export async function answersOf(
  port: number,
  { send, answers, chop }: Case,
  headers: Readonly<Record<string, string>> = {},
): Promise<(string | number)[]> {
  using peer = await RawPeer.open(port, headers);
  const bytes = Buffer.concat(endsByServer(answers) ? send : [...send, clientFrame(8, closePayload(1000))]);
  if (chop === undefined) peer.send(bytes);
  else await sendChopped(peer, bytes, chop);
  await peer.untilClosed();
  return peer.frames.map(described);
}

/** What a case expects, with the close of the client. */
export function expectedOf({ answers }: Case): readonly (string | number)[] {
  return endsByServer(answers) ? answers : [...answers, 1000];
}

function endsByServer(answers: Case['answers']): boolean {
  return typeof answers.at(-1) === 'number';
}

async function sendChopped({ socket }: RawPeer, bytes: Buffer, size: number): Promise<void> {
  socket.setNoDelay(true);
  for (let offset = 0; offset < bytes.length; offset += size) {
    if (!socket.writable) return;
    await new Promise((done) => socket.write(bytes.subarray(offset, offset + size), done));
  }
}
