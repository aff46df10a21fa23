import { encodeAmf0 } from '../amf/index.ts';
import { statusMessage } from './command.ts';
import { userControlMessage } from './control.ts';
import { chunkStream, messageType, type RtmpMessage } from './message.ts';

/** What a player must read before media, in this order; some wait for `|RtmpSampleAccess` before they decode. */
export function playStartMessages(streamId: number): RtmpMessage[] {
  const status = (code: string, description: string) =>
    statusMessage(streamId, { level: 'status', code, description });
  return [
    userControlMessage('streamBegin', streamId),
    status('NetStream.Play.Reset', 'Playing and resetting'),
    status('NetStream.Play.Start', 'Started playing'),
    {
      chunkStreamId: chunkStream.data,
      typeId: messageType.dataAmf0,
      streamId,
      timestampMs: 0,
      payload: encodeAmf0('|RtmpSampleAccess', true, true),
    },
  ];
}
