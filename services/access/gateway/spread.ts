import { hasCode } from '@gala/lib/error';
import type { CallOptions, Client, Rpc } from '@gala/lib/rpc';

/** How long one process may take for its part of an answer. */
const partMs = 1_500;

type Service = Parameters<Rpc['members']>[0];

export interface Part<Answer> {
  readonly member: string;
  readonly answer: Answer;
}

export interface Gathered<Answer> {
  readonly answers: readonly Part<Answer>[];
  /** Members whose part is missing. */
  readonly unreachable: string[];
}

/** Asks every member of a service at once. A member that does not answer is named; what it has is missing. */
export class Spread<Asked extends Service> {
  readonly #rpc: Rpc;
  readonly #service: Asked;
  readonly client: Client<Asked>;

  constructor(rpc: Rpc, service: Asked) {
    this.#rpc = rpc;
    this.#service = service;
    this.client = rpc.client(service);
  }

  /** @throws CodedError UNAVAILABLE while the members are not known */
  async members(): Promise<readonly string[]> {
    return (await this.#rpc.members(this.#service)).toSorted();
  }

  /** @throws CodedError what a member refuses with */
  async ask<Answer>(
    options: CallOptions,
    ask: (client: Client<Asked>, options: CallOptions, member: string) => Promise<Answer>,
  ): Promise<Gathered<Answer>> {
    const unreachable: string[] = [];
    const asked = (await this.members()).map(async (member): Promise<Part<Answer> | undefined> => {
      try {
        return { member, answer: await ask(this.client, { timeoutMs: partMs, ...options, member }, member) };
      } catch (error) {
        if (!hasCode(error, 'UNAVAILABLE', 'DEADLINE_EXCEEDED')) throw error;
        unreachable.push(member);
        return undefined;
      }
    });
    const answers = (await Promise.all(asked)).filter((part) => part !== undefined);
    return { answers, unreachable };
  }
}
