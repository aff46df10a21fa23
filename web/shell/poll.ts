import { useEffect, useRef, useState } from 'react';
import { ApiError } from '@gala/sdk/room';
import { backOffMs, type BackOff } from '../player/back-off.ts';

export interface Poll<Answer> {
  /** The last good answer; it stays while later ones fail. */
  readonly answer: Answer | undefined;
  /** The last failure, until an answer comes. */
  readonly error: ApiError | undefined;
  /** Asks again now. */
  readonly refresh: () => void;
}

export type Ask<Answer> = (signal: AbortSignal) => Promise<Answer>;

const failedBackOff: BackOff = { baseMs: 2_000, maxMs: 30_000 };

/**
 * Asks again and again while the page is visible: `everyMs` after each answer, slower after failures, at once
 * when the page comes to the front or `ask` changes (give a stable function). One call at a time; it is aborted when the page is left.
 */
export function usePoll<Answer>(ask: Ask<Answer>, everyMs: number): Poll<Answer> {
  const [state, setState] = useState<Pick<Poll<Answer>, 'answer' | 'error'>>({
    answer: undefined,
    error: undefined,
  });
  const poller = useRef<Poller<Answer> | undefined>(undefined);
  useEffect(() => {
    const started = new Poller<Answer>({
      ask,
      everyMs,
      onAnswer: (answer) => setState({ answer, error: undefined }),
      onError: (error) => setState(({ answer }) => ({ answer, error })),
    });
    poller.current = started;
    return () => started.dispose();
  }, [ask, everyMs]);
  return { ...state, refresh: () => poller.current?.refresh() };
}

interface PollerOptions<Answer> {
  readonly ask: Ask<Answer>;
  readonly everyMs: number;
  readonly onAnswer: (answer: Answer) => void;
  readonly onError: (error: ApiError) => void;
}

class Poller<Answer> {
  readonly #options: PollerOptions<Answer>;
  #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  constructor(options: PollerOptions<Answer>) {
    this.#options = options;
    document.addEventListener('visibilitychange', this.refresh);
    this.refresh();
  }

  readonly refresh = (): void => {
    clearTimeout(this.#timer);
    this.#controller.abort();
    this.#controller = new AbortController();
    if (!document.hidden) void this.#run(this.#controller.signal);
  };

  dispose(): void {
    document.removeEventListener('visibilitychange', this.refresh);
    clearTimeout(this.#timer);
    this.#controller.abort();
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      const answer = await this.#options.ask(signal);
      if (signal.aborted) return;
      this.#failures = 0;
      this.#options.onAnswer(answer);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.#failures += 1;
      this.#options.onError(error);
    }
    const waitMs =
      this.#failures === 0 ? this.#options.everyMs : backOffMs(failedBackOff, this.#failures - 1);
    this.#timer = setTimeout(this.refresh, waitMs);
  }
}
