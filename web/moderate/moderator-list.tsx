import { useCallback, type SubmitEvent } from 'react';
import { client } from '../shell/client.ts';
import { usePoll } from '../shell/poll.ts';
import { useModerateWords } from './moderate-words.tsx';
import { Section, useChange } from './section.tsx';
import { RemoveButton } from './word-editor.tsx';

const refreshMs = 10_000;

/** Who moderates the host's rooms beside him. */
export function ModeratorList({ hostRef }: { readonly hostRef: string }) {
  const say = useModerateWords();
  const ask = useCallback((signal: AbortSignal) => client.listModerators({ hostRef }, { signal }), [hostRef]);
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const [failed, run] = useChange(refresh);
  const moderators = answer?.moderators ?? [];
  const add = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const name = new FormData(form).get('name');
    if (typeof name !== 'string') return;
    run(() =>
      client
        .addModerator({ hostRef, userRef: `@${name.trim().replace(/^@/, '')}`, reason: '' })
        .then(() => form.reset()),
    );
  };
  return (
    <Section
      title={say('moderators')}
      text={say('moderators.text')}
      error={error}
      failed={failed}
      testId="moderators"
    >
      {answer && moderators.length === 0 && <p className="hint">{say('moderators.none')}</p>}
      <ul className="moderate-list">
        {moderators.map(({ userId, name }) => (
          <li key={userId} data-testid="moderator">
            <bdi>{name || userId}</bdi>
            <RemoveButton
              label={say('moderators.remove', { name: name || userId })}
              onRemove={() => run(() => client.removeModerator({ hostRef, userRef: userId }))}
            />
          </li>
        ))}
      </ul>
      <form className="moderate-add" onSubmit={add}>
        <input
          name="name"
          required
          maxLength={64}
          autoComplete="off"
          autoCapitalize="none"
          aria-label={say('moderators.name')}
        />
        <button className="button small">{say('moderators.add')}</button>
      </form>
    </Section>
  );
}
