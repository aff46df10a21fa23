/** Message type ids (RTMP 1.0, sections 5.4, 6 and 7.1). */
export const messageType = {
  setChunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  windowAckSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  dataAmf3: 15,
  commandAmf3: 17,
  dataAmf0: 18,
  commandAmf0: 20,
  aggregate: 22,
} as const;

/** User control event ids (RTMP 1.0, section 7.1.7). */
export const userControlEvent = {
  streamBegin: 0,
  streamEof: 1,
  setBufferLength: 3,
  pingRequest: 6,
  pingResponse: 7,
} as const;

/** Chunk streams this side sends on: control messages must use 2, the others are conventions. */
export const chunkStream = { control: 2, command: 3, audio: 4, data: 5, video: 6 } as const;

/** One whole RTMP message. */
export interface RtmpMessage {
  chunkStreamId: number;
  typeId: number;
  /** Message stream id: 0 for the connection, else an id given by `createStream`. */
  streamId: number;
  /** uint32 as on the wire: wraps after 49.7 days. */
  timestampMs: number;
  /** May share memory with the bytes it was read from; copy to keep it for long. */
  payload: Buffer;
}

export type MediaKind = 'audio' | 'video' | 'data';

/** Audio, video or data as a publisher sends it: the payload is the body of an FLV tag. */
export interface MediaMessage {
  kind: MediaKind;
  /** uint32 as on the wire: wraps after 49.7 days. */
  timestampMs: number;
  /** May share memory with the socket read it came in; copy to keep it for long. */
  payload: Buffer;
}

const chunkStreamOfKind = { audio: chunkStream.audio, video: chunkStream.video, data: chunkStream.data };
const typeOfKind = { audio: messageType.audio, video: messageType.video, data: messageType.dataAmf0 };

/** The RTMP message that carries one media message on a message stream. */
export function toRtmpMessage(media: MediaMessage, streamId: number): RtmpMessage {
  return {
    chunkStreamId: chunkStreamOfKind[media.kind],
    typeId: typeOfKind[media.kind],
    streamId,
    timestampMs: media.timestampMs,
    payload: media.payload,
  };
}
