import { test } from 'vitest';
import { faultNames, World, type FaultCounts } from '../../../test/harness/signal-world/world.ts';
import { randomOf } from '../../../test/harness/signal-world/schedules.ts';
test('dbg', () => {
  const seed = Number(process.env['S']);
  const faults = Object.fromEntries(faultNames.map((name) => [name, 0])) as FaultCounts;
  const random = randomOf(seed);
  const world = new World(random, faults);
  const steps = 30 + Math.floor(random() * 120);
  const C = Number(process.env['C']);
  const lines: string[] = [];
  for (const [i, c] of world.clients.entries()) {
    if (i !== C) continue;
    const t = c.feed.take.bind(c.feed);
    c.feed.take = (m: any) => { const b = m.batch; lines.push('c' + i + ' ' + c.node?.id + ' ' + (b ? `batch ${b.epoch} ${b.from}-${b.to} d${b.durable % 1e9} ` + b.signals.filter((x: any) => x.class === 'money' || x.class === 'control').map((x: any) => x.signalId) : JSON.stringify({ ...m, rules: 0, state: 0, parts: 0 }))); const g = c.gaps; t(m); lines.push('   -> ' + JSON.stringify(c.feed.sequence.position) + ' needs ' + c.feed.sequence.needsRepair + (c.gaps > g ? ' GAP' : '')); };
  }
  let own = world.owner;
  for (let step = 0; step < steps; step++) { world.step(); if (world.owner !== own) { lines.push('OWNER ' + world.owner?.id); own = world.owner; } }
  lines.push('SETTLE');
  for (const n of world.nodes)
    console.log(
      n.id,
      n.room.ownerId,
      n.room.status,
      n.room.position,
      [...n.tasks],
      n.inbox.length,
      n.clients.size,
    );
  console.log('owner', world.owner?.id);
  console.log(world.settle()); console.log(lines.join('\n')); console.log(world.log.map((r) => r.draft.signalId + ':' + r.epoch + ':' + (r.number % 1e9)).join(' '), 'since', world.clients[C].since);
  console.log('owner', world.owner?.id, world.owner?.state.above({}));
  for (const n of world.nodes)
    console.log(
      n.id,
      n.room.ownerId,
      n.room.status,
      n.room.position,
      [...n.tasks],
      n.inbox.length,
      n.clients.size,
      n.room.stateVersion,
      n.room.state,
    );
});
