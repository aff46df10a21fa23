import { useState } from 'react';
import { ApiError } from '@gala/sdk/room';
import type { Room } from '@gala/protocol/rest';
import type { RoomRules } from '@gala/protocol/signals';
import { client } from '../shell/client.ts';
import { Link } from '../shell/link.tsx';
import { sayRefusal } from './refusal.ts';
import { useChatWords, type ChatWord } from './chat-words.tsx';

type Switch = 'followersOnly' | 'emoteOnly' | 'uniqueChat' | 'holdsAll' | 'isClosed';

const switches: readonly (readonly [Switch, ChatWord])[] = [
  ['followersOnly', 'rule.followers'],
  ['emoteOnly', 'rule.emotes'],
  ['uniqueChat', 'rule.unique'],
  ['holdsAll', 'rule.holds'],
  ['isClosed', 'rule.closed'],
];

const slowModes = [0, 3, 5, 10, 30, 60, 120];

interface Asked {
  readonly since: RoomRules;
  readonly part: Partial<RoomRules>;
}

interface ChatSettingsProps {
  readonly room: Room;
  readonly rules: RoomRules;
}

/** The rules of the host's chat: each change counts at once, and everybody is told. */
export function ChatSettings({ room, rules }: ChatSettingsProps) {
  const say = useChatWords();
  const [failed, setFailed] = useState('');
  /** What was asked for, and the rules that were there then: until everybody is told of others. */
  const [asked, setAsked] = useState<Asked>({ since: rules, part: {} });
  const part = asked.since === rules ? asked.part : {};
  const shown = { ...rules, ...part };
  const change = (more: Partial<RoomRules>): void => {
    setAsked({ since: rules, part: { ...part, ...more } });
    setFailed('');
    changeSettings(room.hostId, more).catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      setAsked({ since: rules, part: {} });
      setFailed(sayRefusal(say, error.code));
    });
  };
  const slowMode = shown.slowModeSeconds;
  const offered = slowModes.includes(slowMode) ? slowModes : [...slowModes, slowMode];
  return (
    <fieldset className="chat-settings" data-testid="chat-settings">
      <legend>{say('settings')}</legend>
      <label className="chat-settings-slow">
        <span>{say('settings.slow')}</span>
        <select
          value={slowMode}
          onChange={({ target }) => change({ slowModeSeconds: Number(target.value) })}
          data-testid="slow-mode"
        >
          {offered.map((seconds) => (
            <option key={seconds} value={seconds}>
              {seconds === 0 ? say('settings.slow.off') : say('settings.slow.seconds', { seconds })}
            </option>
          ))}
        </select>
      </label>
      {switches.map(([name, word]) => (
        <label key={name} className="check">
          <input
            type="checkbox"
            checked={shown[name]}
            onChange={({ target }) => change({ [name]: target.checked })}
            data-testid={`rule-${name}`}
          />
          <span>{say(word)}</span>
        </label>
      ))}
      {failed !== '' && (
        <p className="form-error" role="alert">
          {say('settings.failed', { reason: failed })}
        </p>
      )}
      <Link to={`/moderate/${room.roomId}`} className="button small" data-testid="to-moderation">
        {say('moderate')}
      </Link>
    </fieldset>
  );
}

/** Settings are replaced whole, by the version that they were read with. */
async function changeSettings(hostId: number, part: Partial<RoomRules>): Promise<void> {
  const hostRef = String(hostId);
  const { settings, version } = await client.getChat({ hostRef });
  await client.putChat({ hostRef, settings: { ...settings, ...part }, version, reason: '' });
}
