import type { AmfObject, AmfValue } from '../amf/index.ts';
import { asString, type RtmpCommand } from './command.ts';
import { normalizeStreamAddress, type StreamAddress } from './stream-key.ts';

const FOUR_CCS_MAX = 32;

/** What a client says about itself in `connect`. */
export interface ConnectRequest {
  /** Application as sent, possibly with a query. */
  app: string;
  tcUrl: string;
  /** Name and version of the client. */
  flashVer: string;
  /** Codecs it can send or play by enhanced RTMP, such as `hvc1`; empty for legacy clients. */
  fourCcList: string[];
  /** Enhanced RTMP `capsEx` bit field, 0 if absent. */
  capsEx: number;
  objectEncoding: number;
}

/** A client asks to publish. */
export interface PublishRequest extends StreamAddress {
  connect: ConnectRequest;
  streamId: number;
  /** `live`, `record` or `append`; `live` if absent. */
  publishType: string;
}

/** A client asks to play. */
export interface PlayRequest extends StreamAddress {
  connect: ConnectRequest;
  streamId: number;
  /** Negative for live; RTMP 1.0 (7.2.2.1) says seconds, players send seconds or milliseconds. */
  start: number;
}

function fourCcs(value: AmfValue): string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((entry) => typeof entry === 'string').slice(0, FOUR_CCS_MAX);
}

function numberOr(value: AmfValue, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}

/** The parts of a `connect` command object that are used (RTMP 1.0, 7.2.1.1; Enhanced RTMP v2). */
export function toConnectRequest(object: AmfObject): ConnectRequest {
  return {
    app: asString(object['app']),
    tcUrl: asString(object['tcUrl']),
    flashVer: asString(object['flashVer']),
    fourCcList: fourCcs(object['fourCcList']),
    capsEx: numberOr(object['capsEx'], 0),
    objectEncoding: numberOr(object['objectEncoding'], 0),
  };
}

/** Reads a `publish` command. */
export function toPublishRequest(command: RtmpCommand, connect: ConnectRequest): PublishRequest {
  const address = normalizeStreamAddress({ ...connect, streamName: asString(command.args[0]) });
  const publishType = asString(command.args[1]) || 'live';
  return { ...address, connect, streamId: command.streamId, publishType };
}

/** Reads a `play` command. */
export function toPlayRequest(command: RtmpCommand, connect: ConnectRequest): PlayRequest {
  const address = normalizeStreamAddress({ ...connect, streamName: asString(command.args[0]) });
  return { ...address, connect, streamId: command.streamId, start: numberOr(command.args[1], -2) };
}
