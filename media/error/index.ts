/** Every way in which foreign media bytes can be wrong, with the meaning a log line or an operator needs. */
export const mediaErrors = {
  AMF_TRUNCATED: 'an AMF value ends before its declared size',
  AMF_TOO_DEEP: 'AMF values are nested deeper than the limit',
  AMF_TOO_MANY: 'an AMF message holds more values than the limit',
  AMF_STRING_TOO_LONG: 'an AMF string is longer than the limit',
  AMF_MARKER_UNKNOWN: 'an AMF value has a type that is not supported',
  NOT_RTMP: 'the peer does not speak RTMP',
  RTMP_ENCRYPTED: 'the peer asks for RTMPE, which is not supported',
  RTMP_DIGEST_INVALID: 'the digest of the peer in the complex handshake is wrong',
  RTMP_HEADER_MISSING: 'a compressed chunk header has no earlier header to refer to',
  RTMP_CHUNK_SIZE_INVALID: 'the peer sets a chunk size outside 1 to 2^31 - 1',
  RTMP_CHUNK_STREAMS_TOO_MANY: 'the peer uses more chunk streams than the limit',
  RTMP_MESSAGE_TOO_LARGE: 'the peer declares a message larger than the limit',
  RTMP_MESSAGE_INVALID: 'a message is shorter than its type needs',
  RTMP_PARTIAL_TOO_MANY: 'the peer leaves more messages unfinished than the limit',
  RTMP_PARTIAL_TOO_LARGE: 'the unfinished messages of the peer hold more bytes than the limit',
  RTMP_HELD_TOO_LARGE: 'the peer sends more bytes than the limit while its request is being decided',
  RTMP_COMMAND_INVALID: 'a command does not have the form its name asks for',
  RTMP_COMMAND_ORDER: 'a command comes before the one it depends on',
  RTMP_URL_INVALID: 'the address is not an RTMP address with an application',
  FLV_HEADER_INVALID: 'the bytes do not begin with an FLV header',
  FLV_TAG_INVALID: 'an FLV tag is of unknown type or its sizes contradict each other',
  FLV_TAG_TOO_LARGE: 'an FLV tag is larger than the limit',
  FLV_TRUNCATED: 'the body of an FLV tag ends inside its header',
  AVC_RECORD_INVALID: 'an AVC decoder configuration record is malformed',
  AVC_NAL_INVALID: 'NAL unit lengths do not add up to the access unit',
  AVC_SPS_INVALID: 'a sequence parameter set is malformed',
  BITS_EXHAUSTED: 'a bit field ends beyond the data',
  AAC_CONFIG_INVALID: 'an AudioSpecificConfig is malformed',
  ADTS_INVALID: 'an ADTS header is malformed',
} as const;

/** One of the closed list of codes of `mediaErrors`. */
export type MediaErrorCode = keyof typeof mediaErrors;

/** What every parser of `media` throws for malformed or excessive input; callers match `code`. */
export class MediaError extends Error {
  readonly code: MediaErrorCode;

  constructor(code: MediaErrorCode, detail?: string) {
    super(detail === undefined ? mediaErrors[code] : `${mediaErrors[code]}: ${detail}`);
    this.name = 'MediaError';
    this.code = code;
  }
}
