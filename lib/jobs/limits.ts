import { CodedError, invariant } from '../error/index.ts';
import { jobErrors } from './errors.ts';

/** A job whose worker is not heard for this long belongs to whoever takes it. */
export const ttlMs = 3000;
export const beatEveryMs = 1000;
export const pollEveryMs = 500;
/** The worker gives up this long before others may begin: room for clocks that differ and loops that are late. */
export const leaseMarginMs = 400;
/** After a longer silence of the database every worker is given one TTL to say that it lives. */
export const outageMs = 1700;
/** A handler that has been told to stop is waited for so long; then its job goes on without it. */
export const abortMsMax = 2000;
/** What a tick under way gets before it is told that its partition is to be given back, and again before it is left. */
export const drainMsMax = 1000;
export const partitionsDefault = 64;
export const partitionsMax = 1024;
export const reconcileEveryMs = 1000;
/** A worker that is planned for but not yet seen by the one who plans: its view may be older than the plan. */
export const strangerMsMax = 2000;
/** Runs of a plan that could not be begun for so long were missed, unless the plan says otherwise. */
export const misfireMsDefault = 10_000;
/** How long the planner looks at nothing, and at least between two looks. */
export const planIdleMs = 1000;
export const planSpacingMs = 50;
export const planRetryMs = 500;
export const pauseTries = 20;
/** Workers that may die with a job before it is taken to be the reason. */
export const lossesMax = 5;
export const waitingMaxDefault = 10_000;
export const historyMaxDefault = 1000;
export const historyMsMaxDefault = 7 * 86_400_000;
export const trimEveryMs = 60_000;
export const trimmedAtOnceMax = 500;
export const pageMax = 1000;
export const noteCharsMax = 256;
/** Lines that one attempt may log; more are counted in one last line. */
export const linesMax = 200;

/** Names of plans and sharded jobs, which stand in URLs. */
export const jobNamePattern = /^[a-z0-9][a-z0-9.-]{0,63}$/;

const jsonBytesMax = 64 * 1024;

/** Errors: JOB_TOO_LARGE. */
export function encodeJson(value: unknown): string {
  const json = JSON.stringify(value ?? null) as string | undefined;
  invariant(json !== undefined, 'payload and result of a job are JSON');
  if (Buffer.byteLength(json) > jsonBytesMax) throw new CodedError(jobErrors, 'JOB_TOO_LARGE');
  return json;
}

/** Text for people, as a column takes it. */
export function note(text: string): string {
  return text.replaceAll('\0', '').slice(0, noteCharsMax);
}
