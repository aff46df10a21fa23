import type { ClientSignal } from '@gala/protocol/signals';

/** What a client's JSON says; undefined for what is none of the kinds. Whether it may be said is for the rules. */
export function parseClientSignal(json: string): ClientSignal | undefined {
  const value = parsed(json);
  switch (value?.type) {
    case 'comment':
      return typeof value.text === 'string' ? comment(value.text, value.mediaMs) : undefined;
    case 'like':
      return typeof value.count === 'number' ? { type: 'like', count: value.count } : undefined;
    case 'retract':
      return typeof value.signalId === 'string' ? { type: 'retract', signalId: value.signalId } : undefined;
    default:
      return undefined;
  }
}

function comment(text: string, mediaMs: unknown): ClientSignal {
  return { type: 'comment', text, ...(typeof mediaMs === 'number' && { mediaMs }) };
}

function parsed(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
