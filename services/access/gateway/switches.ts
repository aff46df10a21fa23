import { CodedError } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import type { SwitchView } from '@gala/protocol/rest';
import { switchTable, type SwitchName } from '@gala/protocol/settings';
import { byOf } from './access.ts';
import type { Handlers } from './call.ts';
import type { Parts } from './parts.ts';

const names = Object.keys(switchTable) as SwitchName[];

/** What takes work away from an installation in trouble, by hand. */
export function switchHandlers(parts: Parts): Pick<Handlers, 'listSwitches' | 'setSwitch'> {
  const { switches, events } = parts;
  return {
    listSwitches: async () => {
      const changes = switches.changes.map(({ atMs, by, reason, what }) => ({ atMs, by, reason, what }));
      return { body: { switches: names.map((name) => viewOf(parts, name)), changes } };
    },
    setSwitch: async ({ params, body: { state, untilMs = 0, reason }, caller }) => {
      const name = names.find((each) => each === params.switchName);
      const isKnown = name && switchTable[name].some((each) => each === state);
      if (!isKnown) throw new CodedError(protocolErrors, 'SWITCH_UNKNOWN');
      const by = await byOf(caller);
      await switches.set(name, { state, untilMs }, { by, reason });
      events.switchSet({ switch: name, state, untilMs, by, reason });
      return { body: undefined };
    },
  };
}

function viewOf({ switches }: Parts, name: SwitchName): SwitchView {
  const { state, setting } = switches.view(name);
  const states = [...switchTable[name]];
  if (!setting) return { name, states, state };
  const { by, reason, sinceMs, untilMs } = setting;
  return { name, states, state, setting: { by, reason, sinceMs, ...(untilMs && { untilMs }) } };
}
