import { createHmac } from 'node:crypto';

/** The header of each call: when it was sent, and the HMAC-SHA256 of time and body under the shared secret. */
export const signatureHeader = 'Gala-Signature';

/** `t=<ms>,v1=<hex of HMAC-SHA256("<t>.<body>")>`. The time lets receivers refuse what was recorded and replayed. */
export function signHook(body: string, { secret, timeMs }: { secret: string; timeMs: number }): string {
  const mac = createHmac('sha256', secret).update(`${timeMs}.${body}`).digest('hex');
  return `t=${timeMs},v1=${mac}`;
}
