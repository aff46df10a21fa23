import type { ProtocolErrorCode } from '@gala/protocol/errors';

/** What can go wrong before an answer of the server is there. */
export type ClientErrorCode = 'NETWORK_LOST' | 'TIMEOUT' | 'ABORTED' | 'ANSWER_INVALID';
export type ApiErrorCode = ProtocolErrorCode | ClientErrorCode;

export interface ApiErrorFields {
  readonly code: ApiErrorCode;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly message: string;
  readonly detail?: string;
  /** From `Retry-After`. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** Every failure of a call: a code out of `protocol/errors`, or one of the client's own. Match `code`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  readonly status: number;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(fields: ApiErrorFields) {
    super(fields.message, { cause: fields.cause });
    this.code = fields.code;
    this.status = fields.status;
    this.detail = fields.detail;
    this.retryAfterSeconds = fields.retryAfterSeconds;
  }
}

/** Reads the error answer of the server; an answer of something else on the way (a proxy) keeps its status. */
export async function readApiError(response: Response): Promise<ApiError> {
  const text = await response.text();
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  const { code, message, detail } = parseErrorBody(text);
  return new ApiError({
    code: (code as ApiErrorCode | undefined) ?? codeOfStatus(response.status),
    status: response.status,
    message: message ?? `the server answered ${response.status}`,
    ...(detail === undefined ? {} : { detail }),
    ...(Number.isFinite(retryAfter) ? { retryAfterSeconds: retryAfter } : {}),
  });
}

interface LooseErrorBody {
  readonly code?: string;
  readonly message?: string;
  readonly detail?: string;
}

function parseErrorBody(text: string): LooseErrorBody {
  try {
    return (JSON.parse(text) as { error?: LooseErrorBody } | null)?.error ?? {};
  } catch {
    return {};
  }
}

function codeOfStatus(status: number): ApiErrorCode {
  if (status === 404) return 'NOT_FOUND';
  if (status === 429) return 'RATE_LIMITED';
  if (status === 504) return 'DEADLINE_EXCEEDED';
  return status === 502 || status === 503 ? 'UNAVAILABLE' : 'ANSWER_INVALID';
}
