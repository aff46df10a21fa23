import { MediaError } from '@gala/media/error';
import { parseVideoTag } from '@gala/media/flv';
import {
  encodeAvcDecoderRecord,
  inspectAvcAccessUnit,
  parseAvcDecoderRecord,
  rebuildAvcDecoderRecord,
  type AvcDecoderRecord,
} from '@gala/media/h264';

/** Key frame, AVC, sequence header, no composition time (FLV, E.4.3.1). */
const legacyHead = Buffer.from([0x17, 0, 0, 0, 0]);
/** Key frame and sequence start behind the flag of Enhanced RTMP, and the codec. */
const enhancedHead = Buffer.concat([Buffer.from([0x90]), Buffer.from('avc1')]);
const enhancedFlag = 0x80;
const frameTypeMask = 0x70;
const keyFrameType = 0x10;

/**
 * Notices parameter sets of H.264 that come with the pictures alone: encoders that change their picture without a
 * new sequence header, or never send one. Players and containers read them from the sequence header, so one is made.
 */
export class InBandSets {
  /** What the pictures of now are decoded with. */
  #record: AvcDecoderRecord | undefined;
  /** The last sequence header that the publisher sent. */
  #sent: Buffer | undefined;
  #isOverruled = false;

  /** The message of a sequence header that has to go before this one, as its pictures need another than is known. */
  setUpBefore(message: Buffer): Buffer | undefined {
    // Sequence headers are key frames too.
    if (message.length === 0 || (message[0] & frameTypeMask) !== keyFrameType) return undefined;
    try {
      return this.#setUpBefore(message);
    } catch (error) {
      // Whether it can be decoded is for others to find out.
      if (error instanceof MediaError) return undefined;
      throw error;
    }
  }

  /** A sequence header again that the sets in the pictures have overruled since. */
  isOutdated(message: Buffer): boolean {
    return this.#isOverruled && this.#sent?.equals(message) === true;
  }

  #setUpBefore(message: Buffer): Buffer | undefined {
    const tag = parseVideoTag(message);
    if (tag.codec !== 'h264') return undefined;
    if (tag.isSequenceHeader) this.#note(message, tag.dataOffset);
    if (!tag.isCoded || !tag.isKeyFrame) return undefined;
    const unit = inspectAvcAccessUnit(message.subarray(tag.dataOffset), this.#record?.nalLengthBytes ?? 4);
    if (unit.sps.length === 0 && unit.pps.length === 0) return undefined;
    const rebuilt = rebuildAvcDecoderRecord(this.#record, unit);
    if (!rebuilt) return undefined;
    this.#record = rebuilt;
    this.#isOverruled = true;
    const head = (message[0] & enhancedFlag) === 0 ? legacyHead : enhancedHead;
    return Buffer.concat([head, encodeAvcDecoderRecord(rebuilt)]);
  }

  #note(message: Buffer, dataOffset: number): void {
    if (this.#sent?.equals(message)) return;
    // A copy: the message is part of a whole socket read, which would live as long as the stream.
    this.#sent = Buffer.from(message);
    this.#isOverruled = false;
    this.#record = parseAvcDecoderRecord(this.#sent.subarray(dataOffset));
  }
}
