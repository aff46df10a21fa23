import type { Context } from '@gala/lib/lifecycle';
import type { Admission } from './admission.ts';
import { hooksSection } from './hooks/config.ts';
import { HookEvents } from './hooks/events.ts';
import { Hooks } from './hooks/hooks.ts';
import { AddressLists } from './limits/address-lists.ts';
import { addressesSection, limitsSection, type LimitsConfig } from './limits/config.ts';
import { LimitEvents } from './limits/events.ts';
import { PublishGate } from './publish-gate.ts';
import { ViewerGuard } from './viewer-guard.ts';

/** Everything that stands before publishers and viewers: lists of addresses, limits, hooks. */
export interface Guards extends AsyncDisposable {
  readonly hooks: Hooks;
  readonly lists: AddressLists;
  readonly limits: LimitsConfig;
  readonly events: LimitEvents;
  readonly gate: PublishGate;
  readonly viewers: ViewerGuard;
}

export function openGuards(context: Context, admission: Admission): Guards {
  const { clock, logger, metrics, settings, breakers, processId } = context;
  const hooks = new Hooks({
    edgeId: processId,
    config: settings.get(hooksSection),
    clock,
    breakers,
    metrics,
    events: new HookEvents(logger, metrics),
  });
  const limits = settings.get(limitsSection);
  const events = new LimitEvents(logger, metrics);
  const lists = new AddressLists(settings.get(addressesSection), events);
  const gate = new PublishGate({ admission, hooks, lists, config: limits, events, clock });
  metrics.gauge('gala_edge_publishers', 'publishers on air or being decided about', () => gate.size);
  const viewers = new ViewerGuard({ hooks, lists, limits, events });
  return {
    hooks,
    lists,
    limits,
    events,
    gate,
    viewers,
    [Symbol.asyncDispose]: () => hooks[Symbol.asyncDispose](),
  };
}
