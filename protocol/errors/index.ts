/**
 * Every error code that crosses a process boundary, with its HTTP and gRPC status (grpc.io status codes).
 * Codes are for good: a code is never renamed or given another meaning.
 */
const entry = (http: number, grpc: number, message: string) => ({ http, grpc, message }) as const;

const invalidArgument = 3;
const deadlineExceeded = 4;
const notFound = 5;
const alreadyExists = 6;
const permissionDenied = 7;
const resourceExhausted = 8;
const failedPrecondition = 9;
const aborted = 10;
const outOfRange = 11;
const unimplemented = 12;
const internal = 13;
const unavailable = 14;
const unauthenticated = 16;

/** What any call may answer. */
export const commonErrors = {
  INVALID_REQUEST: entry(400, invalidArgument, 'the request is not valid'),
  UNAUTHENTICATED: entry(401, unauthenticated, 'sign in, or send a valid token'),
  FORBIDDEN: entry(403, permissionDenied, 'your roles do not allow this'),
  CSRF_MISMATCH: entry(403, permissionDenied, 'the header X-Gala-Csrf does not match the session'),
  NOT_FOUND: entry(404, notFound, 'nothing is here'),
  METHOD_NOT_ALLOWED: entry(405, unimplemented, 'the path does not take this method'),
  BODY_TOO_LARGE: entry(413, resourceExhausted, 'the body is too large'),
  UPGRADE_REQUIRED: entry(426, failedPrecondition, 'WebSocket connections speak version 13'),
  RATE_LIMITED: entry(429, resourceExhausted, 'too many requests'),
  INTERNAL: entry(500, internal, 'something broke on our side'),
  UNAVAILABLE: entry(503, unavailable, 'a part that this needs is not reachable'),
  DEADLINE_EXCEEDED: entry(504, deadlineExceeded, 'the call took too long'),
} as const;

export const accountErrors = {
  NAME_TAKEN: entry(409, alreadyExists, 'the name is taken'),
  NAME_INVALID: entry(400, invalidArgument, 'a name is 3 to 32 letters, digits, dots, dashes or underscores'),
  PASSWORD_WEAK: entry(400, invalidArgument, 'a password has 10 to 256 characters'),
  CREDENTIALS_WRONG: entry(401, unauthenticated, 'name or password is wrong'),
  TOO_MANY_TRIES: entry(429, resourceExhausted, 'too many failed tries, wait'),
  USER_UNKNOWN: entry(404, notFound, 'no such user'),
  TOKEN_UNKNOWN: entry(404, notFound, 'no such API token'),
  TOO_MANY_TOKENS: entry(409, failedPrecondition, 'a user keeps at most 50 API tokens'),
  ISSUER_UNKNOWN: entry(401, unauthenticated, 'the issuer of this token is not a partner'),
  ISSUER_TOKEN_INVALID: entry(401, unauthenticated, 'the partner token is not valid'),
  USERS_EXHAUSTED: entry(507, resourceExhausted, 'the region has no user numbers left'),
} as const;

export const roomErrors = {
  HOST_UNKNOWN: entry(404, notFound, 'no such host'),
  HOST_EXISTS: entry(409, alreadyExists, 'the user is a host already'),
  ROOM_UNKNOWN: entry(404, notFound, 'no such room'),
  ROOM_ENDED: entry(409, failedPrecondition, 'the room has ended'),
  ROOM_LIVE: entry(409, failedPrecondition, 'the host has a room on air'),
  ROOM_PRIVATE: entry(403, permissionDenied, 'the room is private'),
  DISK_FULL: entry(507, resourceExhausted, 'the disk is nearly full, no new broadcast begins'),
  SESSIONS_EXHAUSTED: entry(507, resourceExhausted, 'the host has used up all sessions'),
  TOO_MANY_ROOMS: entry(429, resourceExhausted, 'too many rooms begun in a short time'),
  SOURCE_UNSET: entry(409, failedPrecondition, 'the host has no source to pull from, or is private'),
  STREAM_KEY_WRONG: entry(403, permissionDenied, 'the stream key is unknown or no longer valid'),
  AREA_UNKNOWN: entry(404, notFound, 'there is no such area, or it was retired'),
  TOO_MANY_AREAS: entry(409, failedPrecondition, 'there are as many areas as there may be'),
  SWITCH_UNKNOWN: entry(404, notFound, 'there is no such switch, or it has no such state'),
  SCHEDULE_INVALID: entry(400, invalidArgument, 'a room is scheduled for a time ahead, and not too far'),
  PROGRAMME_UNKNOWN: entry(404, notFound, 'there is no such programme'),
  PROGRAMME_EXISTS: entry(409, alreadyExists, 'a programme has this name'),
  PROGRAMME_CHANGED: entry(409, aborted, 'the programme was changed meanwhile'),
  PROGRAMME_CLOSED: entry(409, failedPrecondition, 'the programme is over or was cancelled'),
  TOO_MANY_PROGRAMMES: entry(409, failedPrecondition, 'there are as many programmes to come as there may be'),
  RESERVATIONS_FULL: entry(409, resourceExhausted, 'the programme takes no more reservations'),
  STREAM_STALE: entry(409, aborted, 'a newer publisher has taken over'),
} as const;

export const edgeErrors = {
  STREAM_UNKNOWN: entry(404, notFound, 'the room is not on air here'),
  PLAY_SIGNATURE_WRONG: entry(403, permissionDenied, 'the play URL is not signed, or has expired'),
  TOO_MANY_VIEWERS: entry(503, resourceExhausted, 'this edge is full'),
  CODEC_UNSUPPORTED: entry(406, failedPrecondition, 'HLS has no form for a codec of this stream'),
  SEGMENT_UNKNOWN: entry(404, notFound, 'the segment or part is not there, or not any more'),
  RELOAD_INVALID: entry(400, invalidArgument, 'the directives make no sense, or ask too far ahead'),
  EDGE_ALONE: entry(409, failedPrecondition, 'no other edge could take what this one carries'),
  RENDITION_UNKNOWN: entry(404, notFound, 'the stream has no such rendition'),
  TRANSCODE_BUSY: entry(503, resourceExhausted, 'this edge transcodes as many streams as it may'),
  TRANSCODE_UNAVAILABLE: entry(503, unavailable, 'this edge has no codecs to transcode with'),
  COVER_UNKNOWN: entry(404, notFound, 'the room has no cover here'),
  LATENCY_INVALID: entry(400, invalidArgument, 'latency is realtime, low or economy'),
  VARIANT_INVALID: entry(400, invalidArgument, 'only is audio; container is fmp4 or ts'),
  AUDIO_MISSING: entry(406, failedPrecondition, 'the stream has no sound'),
  REPLAY_UNKNOWN: entry(404, notFound, 'there is no such recording, or not any more'),
  REPLAY_ELSEWHERE: entry(503, unavailable, 'the recording is on another machine'),
  RANGE_INVALID: entry(416, outOfRange, 'the file has no such bytes'),
  HOOK_DENIED: entry(403, permissionDenied, 'a hook of this installation denies it'),
  HOOK_FAILED: entry(503, unavailable, 'a hook that decides gave no decision'),
  ADDRESS_DENIED: entry(403, permissionDenied, 'this address is not allowed here'),
  TOO_MANY_PUBLISHERS: entry(
    503,
    resourceExhausted,
    'this edge takes no more publishers, or none of this address',
  ),
  STREAM_FULL: entry(503, resourceExhausted, 'the stream has as many viewers as it may'),
} as const;

/** What viewers, hosts and moderators are told who say something in a room. */
export const interactionErrors = {
  NOT_OWNER: entry(503, unavailable, 'another process owns the room by now'),
  ROOM_SILENT: entry(409, failedPrecondition, 'nothing is said in a room that is not open'),
  SIGNAL_INVALID: entry(400, invalidArgument, 'there is no such signal, or it is not for viewers'),
  COMMENT_INVALID: entry(400, invalidArgument, 'a comment has 1 to 200 characters'),
  SIGN_IN_TO_SPEAK: entry(401, unauthenticated, 'only those who have signed in may say this'),
  MUTED: entry(403, permissionDenied, 'you may not speak in this room for now'),
  BANNED: entry(403, permissionDenied, 'you may not enter this room'),
  CHAT_CLOSED: entry(403, permissionDenied, 'only the host and moderators may speak'),
  FOLLOWERS_ONLY: entry(403, permissionDenied, 'only followers of the host may speak'),
  EMOTES_ONLY: entry(403, permissionDenied, 'only emotes may be sent'),
  SLOW_MODE: entry(429, resourceExhausted, 'the room is in slow mode, wait'),
  SAID_BEFORE: entry(409, alreadyExists, 'this has just been said'),
  WORD_REFUSED: entry(403, permissionDenied, 'the room does not allow a word in it'),
  LINK_REFUSED: entry(403, permissionDenied, 'the room does not allow links'),
  TOO_FAST: entry(429, resourceExhausted, 'too much was said in a short time'),
  ROOM_BUSY: entry(429, resourceExhausted, 'more is being said in the room than it takes'),
  NOT_MODERATOR: entry(403, permissionDenied, 'this is for the host and moderators'),
  CHAT_CHANGED: entry(409, failedPrecondition, 'somebody changed it meanwhile'),
  TOO_MANY_SANCTIONS: entry(409, failedPrecondition, 'as many are sanctioned as may be'),
  TOO_MANY_MODERATORS: entry(409, failedPrecondition, 'a host has at most 200 moderators'),
  SANCTION_REFUSED: entry(409, failedPrecondition, 'the host, moderators and operators cannot be sanctioned'),
  SIGNAL_UNKNOWN: entry(404, notFound, 'nothing of this was said, or it is forgotten'),
  SIGNALS_UNDURABLE: entry(503, unavailable, 'what may not be lost cannot be kept now'),
} as const;

/** What a signal node closes or refuses connections with. */
export const signalErrors = {
  TICKET_INVALID: entry(401, unauthenticated, 'the ticket is not valid, or has expired'),
  HELLO_EXPECTED: entry(400, invalidArgument, 'the first message is a hello'),
  MESSAGE_INVALID: entry(400, invalidArgument, 'the message cannot be understood'),
  TOO_MANY_CONNECTIONS: entry(
    503,
    resourceExhausted,
    'this node takes no more connections, or none of this address',
  ),
  JOINS_LIMITED: entry(503, resourceExhausted, 'too many come at once, try again'),
  TOO_SLOW: entry(408, resourceExhausted, 'the client does not take what is sent'),
  SILENT: entry(408, deadlineExceeded, 'the client has not been heard for too long'),
  NODE_DRAINS: entry(503, unavailable, 'this node takes nobody any more'),
  NODE_ALONE: entry(409, failedPrecondition, 'no other node could take the viewers'),
  KICKED: entry(403, permissionDenied, 'you were removed from the room'),
} as const;

export const schedulerErrors = {
  PLAN_UNKNOWN: entry(404, notFound, 'there is no such plan'),
  PLAN_BUSY: entry(409, failedPrecondition, 'as many runs of the plan are open as may be'),
  RUN_UNKNOWN: entry(404, notFound, 'there is no such run, or not any more'),
  JOB_UNKNOWN: entry(404, notFound, 'there is no such sharded job'),
} as const;

export const protocolErrors = {
  ...commonErrors,
  ...accountErrors,
  ...roomErrors,
  ...edgeErrors,
  ...interactionErrors,
  ...signalErrors,
  ...schedulerErrors,
} as const;

export type CommonErrorCode = keyof typeof commonErrors;
export type ProtocolErrorCode = keyof typeof protocolErrors;
