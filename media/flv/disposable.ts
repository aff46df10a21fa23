import { MediaError } from '../error/index.ts';
import { inspectAvcAccessUnit, type NalLengthBytes } from '../h264/index.ts';
import type { VideoTag } from './video-tag.ts';

/**
 * True if no other frame depends on this one, so that it may be dropped alone: the sender says so by frame type
 * 3, or no H.264 slice in it is a reference. False for a body that cannot be read.
 */
export function isDisposableVideo(
  payload: Buffer,
  tag: VideoTag,
  nalLengthBytes: NalLengthBytes = 4,
): boolean {
  if (!tag.isCoded) return false;
  if (tag.frameType === 'disposable') return true;
  if (tag.codec !== 'h264' || tag.isMultitrack) return false;
  try {
    return inspectAvcAccessUnit(payload.subarray(tag.dataOffset), nalLengthBytes).isDisposable;
  } catch (error) {
    if (error instanceof MediaError) return false;
    throw error;
  }
}
