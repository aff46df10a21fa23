import { Amf0Reader, encodeAmf0, type AmfObject, type AmfValue } from '../amf/index.ts';
import { MediaError } from '../error/index.ts';
import { chunkStream, messageType, type RtmpMessage } from './message.ts';

/** A command message (RTMP 1.0, section 7.2): name, transaction, command object, arguments. */
export interface RtmpCommand {
  name: string;
  /** 0 if no answer is expected. */
  transactionId: number;
  object: AmfObject;
  args: AmfValue[];
  /** Message stream the command came on. */
  streamId: number;
}

/** True for the two forms of command messages. */
export function isCommand(message: RtmpMessage): boolean {
  return message.typeId === messageType.commandAmf0 || message.typeId === messageType.commandAmf3;
}

/** An AMF object, or an empty one for any other value. */
export function asObject(value: AmfValue): AmfObject {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && !(value instanceof Date) ? (value as AmfObject) : {};
}

/** A string, or an empty one for any other value. */
export function asString(value: AmfValue): string {
  return typeof value === 'string' ? value : '';
}

/** Reads a command; the AMF3 form is one zero byte and then AMF0. Errors: `AMF_*`, `RTMP_COMMAND_INVALID`. */
export function decodeCommand(message: RtmpMessage): RtmpCommand {
  const isAmf3 = message.typeId === messageType.commandAmf3 && message.payload[0] === 0;
  const reader = new Amf0Reader(isAmf3 ? message.payload.subarray(1) : message.payload);
  const values: AmfValue[] = [];
  while (!reader.done) values.push(reader.read());
  const [name, transactionId = 0, object, ...args] = values;
  if (typeof name !== 'string' || name === '') throw new MediaError('RTMP_COMMAND_INVALID', 'no name');
  if (typeof transactionId !== 'number') throw new MediaError('RTMP_COMMAND_INVALID', 'no transaction id');
  return { name, transactionId, object: asObject(object), args, streamId: message.streamId };
}

/** A command as a message; `object` is null for all but `connect` and its answers. */
export function commandMessage(
  streamId: number,
  name: string,
  body: { transactionId?: number; object?: AmfValue; args?: AmfValue[] },
): RtmpMessage {
  const { transactionId = 0, object = null, args = [] } = body;
  return {
    chunkStreamId: chunkStream.command,
    typeId: messageType.commandAmf0,
    streamId,
    timestampMs: 0,
    payload: encodeAmf0(name, transactionId, object, ...args),
  };
}

/** The information object of `onStatus` and of command results. */
export interface RtmpStatus {
  level: 'status' | 'error';
  /** Such as `NetStream.Publish.Start`. */
  code: string;
  description: string;
}

/** An `onStatus` command on a message stream. */
export function statusMessage(streamId: number, status: RtmpStatus): RtmpMessage {
  return commandMessage(streamId, 'onStatus', { args: [{ ...status }] });
}
