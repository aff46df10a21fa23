/** Every way in which foreign MP4 boxes or codec set-up can be wrong. */
export const mp4Errors = {
  MP4_TRUNCATED: 'a box ends before its declared size or its fields',
  MP4_BOX_INVALID: 'the fields of a box contradict each other',
  MP4_TOO_MANY: 'a box holds more entries than the limit',
  CODEC_CONFIG_INVALID: 'the set-up of a codec is malformed',
  CODEC_UNSUPPORTED: 'the codec has no form in MP4 here',
} as const;

/** One of the closed list of codes of `mp4Errors`. */
export type Mp4ErrorCode = keyof typeof mp4Errors;

/** What readers of this folder throw for malformed or excessive input; callers match `code`. */
export class Mp4Error extends Error {
  readonly code: Mp4ErrorCode;

  constructor(code: Mp4ErrorCode, detail?: string) {
    super(detail === undefined ? mp4Errors[code] : `${mp4Errors[code]}: ${detail}`);
    this.name = 'Mp4Error';
    this.code = code;
  }
}
