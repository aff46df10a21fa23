import { useCallback } from 'react';
import { client } from '../shell/client.ts';
import { usePoll } from '../shell/poll.ts';
import { useModerateWords } from './moderate-words.tsx';
import { Section, useChange } from './section.tsx';

const refreshMs = 1_500;

/** What waits for a moderator, oldest first. */
export function HeldQueue({ roomId }: { readonly roomId: number }) {
  const say = useModerateWords();
  const ask = useCallback((signal: AbortSignal) => client.listHeldComments({ roomId }, { signal }), [roomId]);
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const [failed, run] = useChange(refresh);
  const { comments = [], dropped = 0, expired = 0 } = answer ?? {};
  const review = (signalId: string, approves: boolean): void =>
    run(() => client.reviewHeldComment({ roomId, signalId, approves, reason: '' }));
  return (
    <Section title={say('held')} text={say('held.ask')} error={error} failed={failed} testId="held-queue">
      {answer && comments.length === 0 && <p className="hint">{say('held.none')}</p>}
      <ul className="held">
        {comments.map(({ signalId, name, text, reason }) => (
          <li key={signalId} data-testid="held">
            <p>
              <bdi className="held-name">{name}</bdi> {text} <small>{say(`held.${reason}`)}</small>
            </p>
            <div className="actions">
              <button className="button small primary" onClick={() => review(signalId, true)}>
                {say('held.approve')}
              </button>
              <button className="button small" onClick={() => review(signalId, false)}>
                {say('held.reject')}
              </button>
            </div>
          </li>
        ))}
      </ul>
      {dropped + expired > 0 && <p className="hint">{say('held.lost', { count: dropped + expired })}</p>}
    </Section>
  );
}
