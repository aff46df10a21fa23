import { useCallback, type SubmitEvent } from 'react';
import type { AnswerOf } from '@gala/sdk/room';
import { client } from '../shell/client.ts';
import { usePoll } from '../shell/poll.ts';
import { useModerateWords } from './moderate-words.tsx';
import { Section, useChange } from './section.tsx';

const refreshMs = 5_000;
const actions = ['refuse', 'hold', 'mask'] as const;
type WordAction = (typeof actions)[number];
type ChatWords = AnswerOf<'getChatWords'>['words'];

const noWords: ChatWords = { refuse: [], hold: [], mask: [] };

/** The host's list of words, each with what happens to a message that has it. */
export function WordEditor({ hostRef }: { readonly hostRef: string }) {
  const say = useModerateWords();
  const ask = useCallback((signal: AbortSignal) => client.getChatWords({ hostRef }, { signal }), [hostRef]);
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const [failed, run] = useChange(refresh);
  const { words = noWords, version = 0 } = answer ?? {};
  const put = (changed: ChatWords): Promise<unknown> =>
    client.putChatWords({ hostRef, version, words: changed, reason: '' });
  const add = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const rule = readRule(form);
    if (!rule) return;
    const others = without(words, rule.word);
    run(() =>
      put({ ...others, [rule.action]: [...others[rule.action], rule.word] }).then(() => form.reset()),
    );
  };
  const listed = actions.flatMap((action) => words[action].map((word) => ({ word, action })));
  return (
    <Section title={say('words')} text={say('words.text')} error={error} failed={failed} testId="words">
      {answer && listed.length === 0 && <p className="hint">{say('words.none')}</p>}
      <ul className="moderate-list">
        {listed.map(({ word, action }) => (
          <li key={word} data-testid="word">
            <span>
              <bdi>{word}</bdi> <small>{say(`words.${action}`)}</small>
            </span>
            <RemoveButton
              label={say('words.remove', { word })}
              onRemove={() => run(() => put(without(words, word)))}
            />
          </li>
        ))}
      </ul>
      <form className="moderate-add" onSubmit={add}>
        <input name="word" required maxLength={64} autoComplete="off" aria-label={say('words.word')} />
        <select name="action" aria-label={say('words.action')}>
          {actions.map((action) => (
            <option key={action} value={action}>
              {say(`words.${action}`)}
            </option>
          ))}
        </select>
        <button className="button small" disabled={!answer}>
          {say('words.add')}
        </button>
      </form>
    </Section>
  );
}

interface RemoveButtonProps {
  readonly label: string;
  readonly onRemove: () => void;
}

export function RemoveButton({ label, onRemove }: RemoveButtonProps) {
  return (
    <button className="icon-button" aria-label={label} title={label} onClick={onRemove}>
      ×
    </button>
  );
}

function without({ refuse, hold, mask }: ChatWords, word: string): ChatWords {
  const others = (list: readonly string[]): string[] => list.filter((each) => each !== word);
  return { refuse: others(refuse), hold: others(hold), mask: others(mask) };
}

function readRule(form: HTMLFormElement): { word: string; action: WordAction } | undefined {
  const fields = new FormData(form);
  const word = fields.get('word');
  const action = actions.find((each) => each === fields.get('action'));
  return typeof word === 'string' && word.trim() !== '' && action ? { word: word.trim(), action } : undefined;
}
