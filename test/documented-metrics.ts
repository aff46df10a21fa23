import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A name in the table of metrics of docs/operating.md. */
export interface DocumentedMetric {
  readonly text: string;
  /** The engine without which it is not there; undefined where every installation shows it. */
  readonly engine: string | undefined;
  readonly matches: (name: string) => boolean;
}

/**
 * The names in the table of metrics: whole, with a `<part>`, or `…_end` behind a beginning of the row's first name.
 * What is said of a row begins with `on <engine>:` where another engine than the embedded ones is needed.
 */
export function documentedMetrics(): DocumentedMetric[] {
  const page = readFileSync(join(import.meta.dirname, '../docs/operating.md'), 'utf8');
  const rows = [...page.matchAll(/^\| (.*`gala_.*) \| (?:gauge|counter|histogram) \| (?:on (\w+): )?/gm)];
  return rows.flatMap(([, cell, engine]) => {
    const names = [...cell.replaceAll(/\(by [^)]*\)/g, '').matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    const common = /\(all `(gala_\w+_)`\)/.exec(cell)?.[1];
    const [first] = names;
    return names
      .filter((name) => name !== common)
      .map((name) => ({ text: `${first} ${name}`, engine, matches: matcherOf(first, name, common) }));
  });
}

function matcherOf(first: string, name: string, common: string | undefined): (name: string) => boolean {
  if (!name.startsWith('…')) return (candidate) => patternOf(name).test(candidate);
  const end = name.slice(1).replace(/^_/, '');
  const starts = common ? [common] : beginnings(first);
  return (candidate) => starts.some((start) => patternOf(start + end).test(candidate));
}

/** `gala_edge_publishes_accepted_total` begins with `gala_`, `gala_edge_`, `gala_edge_publishes_` and so on. */
function beginnings(name: string): string[] {
  const words = name.split('_');
  return words.slice(1).map((_, index) => `${words.slice(0, index + 1).join('_')}_`);
}

function patternOf(name: string): RegExp {
  return new RegExp(`^${name.replaceAll(/<\w+>/g, '[a-z_]+')}$`);
}
