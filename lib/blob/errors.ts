const entry = (http: number, grpc: number, message: string) => ({ http, grpc, message }) as const;

/** What any adapter of `lib/blob` may answer; callers match the codes. */
export const blobErrors = {
  BLOB_UNKNOWN: entry(404, 5, 'there is no such blob'),
  BLOB_KEY_INVALID: entry(
    400,
    3,
    'a key is up to 8 segments of letters, digits, dots, dashes and underscores',
  ),
  BLOB_EXISTS: entry(409, 6, 'a blob with this key exists'),
  BLOB_LOCKED: entry(409, 10, 'the blob is being written'),
  BLOB_RANGE_INVALID: entry(416, 11, 'the blob is shorter than that'),
  BLOB_TOO_LARGE: entry(413, 8, 'the blob is too large'),
  BLOB_BUDGET: entry(507, 8, 'the store has used up its budget'),
  BLOB_DISK_FULL: entry(507, 8, 'the disk of the store is full'),
  BLOB_BUSY: entry(503, 14, 'too many blobs are being read and written'),
  BLOB_UNAVAILABLE: entry(503, 14, 'the store cannot be read or written'),
} as const;

export type BlobErrorCode = keyof typeof blobErrors;
