const entry = (http: number, grpc: number, message: string) => ({ http, grpc, message }) as const;

/** What any adapter of `lib/collections` may answer; callers match the codes. */
export const collectionsErrors = {
  COLLECTIONS_UNAVAILABLE: entry(503, 14, 'shared data is not reachable'),
  COLLECTIONS_BUSY: entry(503, 8, 'too much is under way to shared data'),
  VALUE_TOO_LARGE: entry(413, 8, 'a value or collection of shared data is above its bound'),
  WRITE_LIMITED: entry(429, 8, 'a key of shared data is written too often'),
  KEY_INVALID: entry(400, 3, 'a key, field or member is 1 to 512 bytes'),
  KEY_WRONG_KIND: entry(409, 9, 'the key holds another kind of data'),
  SCRIPT_KEYS: entry(400, 3, 'the keys of a script carry its tag'),
  SCRIPT_FAILED: entry(500, 13, 'a script failed'),
} as const;
