import { MediaError } from '../error/index.ts';
import {
  HANDSHAKE_BYTES,
  findDigest,
  handshakeKeys,
  isAnswerTo,
  placeDigest,
  signAnswer,
  type DigestScheme,
} from './digest.ts';

const VERSION_PLAIN = 3;
const VERSIONS_ENCRYPTED = [6, 8, 9];
/** Versions that players and servers announce in bytes 4 to 7 when they use digests. */
const CLIENT_VERSION = 0x80000702;
const SERVER_VERSION = 0x04050001;

/** Source of unpredictable bytes. */
export type RandomBytes = (count: number) => Buffer;

/** A step of a handshake that has enough bytes: what to send, and how many bytes it used up. */
export interface HandshakeStep {
  reply: Buffer;
  usedBytes: number;
}

function assertVersion(version: number | undefined): void {
  if (version === VERSION_PLAIN) return;
  if (version !== undefined && VERSIONS_ENCRYPTED.includes(version)) throw new MediaError('RTMP_ENCRYPTED');
  throw new MediaError('NOT_RTMP', `first byte ${version}`);
}

/**
 * Answers C0 and C1 with S0, S1 and S2 (RTMP 1.0, section 5.2): with digests if C1 carries a valid one in
 * either place, else by echo. Undefined while bytes are missing; junk is refused at its first byte.
 * Errors: `NOT_RTMP`, `RTMP_ENCRYPTED`.
 */
export function answerClientHello(input: Buffer, random: RandomBytes): HandshakeStep | undefined {
  if (input.length === 0) return undefined;
  assertVersion(input[0]);
  if (input.length < 1 + HANDSHAKE_BYTES) return undefined;
  const c1 = input.subarray(1, 1 + HANDSHAKE_BYTES);
  const found = findDigest(c1, handshakeKeys.client.first);
  const s1 = random(HANDSHAKE_BYTES);
  s1.writeUInt32BE(0, 0);
  s1.writeUInt32BE(found === undefined ? 0 : SERVER_VERSION, 4);
  let s2 = c1;
  if (found !== undefined) {
    placeDigest(s1, found.scheme, handshakeKeys.server.first);
    s2 = signAnswer(random(HANDSHAKE_BYTES), found.digest, handshakeKeys.server.second);
  }
  return {
    reply: Buffer.concat([Buffer.from([VERSION_PLAIN]), s1, s2]),
    usedBytes: 1 + HANDSHAKE_BYTES,
  };
}

/** C0 and C1: simple, or with a digest in the place of `scheme`. */
export function createClientHello(random: RandomBytes, scheme?: DigestScheme): Buffer {
  const hello = Buffer.concat([Buffer.from([VERSION_PLAIN]), random(HANDSHAKE_BYTES)]);
  hello.writeUInt32BE(0, 1);
  hello.writeUInt32BE(scheme === undefined ? 0 : CLIENT_VERSION, 5);
  if (scheme !== undefined) placeDigest(hello.subarray(1), scheme, handshakeKeys.client.first);
  return hello;
}

/**
 * Answers S0, S1 and S2 with C2. `hello` is what `createClientHello` gave. Undefined while bytes are missing.
 * Errors: `NOT_RTMP`, `RTMP_ENCRYPTED`, `RTMP_DIGEST_INVALID`.
 */
export function answerServerHello(
  input: Buffer,
  hello: Buffer,
  random: RandomBytes,
): HandshakeStep | undefined {
  if (input.length === 0) return undefined;
  assertVersion(input[0]);
  if (input.length < 1 + 2 * HANDSHAKE_BYTES) return undefined;
  const s1 = input.subarray(1, 1 + HANDSHAKE_BYTES);
  const s2 = input.subarray(1 + HANDSHAKE_BYTES, 1 + 2 * HANDSHAKE_BYTES);
  const own = findDigest(hello.subarray(1), handshakeKeys.client.first);
  const found = own === undefined ? undefined : findDigest(s1, handshakeKeys.server.first);
  let reply = s1;
  if (own !== undefined && found !== undefined) {
    if (!isAnswerTo(s2, own.digest, handshakeKeys.server.second)) throw new MediaError('RTMP_DIGEST_INVALID');
    reply = signAnswer(random(HANDSHAKE_BYTES), found.digest, handshakeKeys.client.second);
  }
  return { reply, usedBytes: 1 + 2 * HANDSHAKE_BYTES };
}
