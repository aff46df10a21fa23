export { parseAudioTag, type AudioCodec, type AudioTag } from './audio-tag.ts';
export { isDisposableVideo } from './disposable.ts';
export { encodeFlvHeader, flvHeaderBytes, parseFlvHeader, type FlvHeader } from './header.ts';
export { decodeMetadata, encodeMetadata } from './metadata.ts';
export { encodeTag, tagBytes, tagType, writeTag, type FlvTag, type FlvTagType } from './tag.ts';
export { FlvTail } from './flv-tail.ts';
export { FlvTagReader } from './tag-reader.ts';
export { parseVideoTag, type VideoCodec, type VideoFrameType, type VideoTag } from './video-tag.ts';
