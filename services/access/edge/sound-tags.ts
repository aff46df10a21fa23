import type { AmfObject } from '@gala/media/amf';
import { MediaError } from '@gala/media/error';
import { decodeMetadata, encodeMetadata, encodeTag } from '@gala/media/flv';
import { payloadOf, type Tag } from './tag.ts';

/** What `onMetaData` tells of pictures; players that believe it wait for them. */
const pictureKeys: ReadonlySet<string> = new Set([
  'width',
  'height',
  'displayWidth',
  'displayHeight',
  'videocodecid',
  'videodatarate',
  'framerate',
  'videoframerate',
  'avcprofile',
  'avclevel',
  'videokeyframe_frequency',
]);

/** What of a stream is sound: no pictures, none of their set-up, and metadata that promises none. */
export function soundTags(tags: readonly Tag[]): Tag[] {
  return tags
    .filter(({ kind }) => kind !== 'video')
    .map((tag) => (tag.kind === 'data' && tag.sequenceHeader ? withoutPictures(tag) : tag));
}

function withoutPictures(tag: Tag): Tag {
  const properties = metadataOf(tag);
  if (!properties) return tag;
  const kept = Object.entries(properties).filter(([key]) => !pictureKeys.has(key));
  const payload = encodeMetadata({ ...Object.fromEntries(kept), hasVideo: false, hasAudio: true });
  return { ...tag, bytes: encodeTag({ type: 'data', timestampMs: tag.timestampMs % 2 ** 32, payload }) };
}

function metadataOf(tag: Tag): AmfObject | undefined {
  try {
    return decodeMetadata(payloadOf(tag));
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}
