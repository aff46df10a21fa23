import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { importsOf } from './imports.ts';
import { isTest, topOf, type Rule, type Source } from './source.ts';

const LEAVES = ['protocol', 'media', 'lib'];
/** The import rule: what each workspace may import besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  media: [],
  lib: [],
  'media-io': LEAVES,
  sdk: ['protocol', 'lib'],
  web: ['sdk', 'protocol'],
  services: ['sdk', 'media-io', ...LEAVES],
  cli: ['services', 'sdk', 'media-io', ...LEAVES],
};
/** What may come to a browser, and by which way. */
const BROWSER = ['web', 'sdk', 'protocol', 'lib'];
/** Who starts processes besides the command line: the launcher of PostgreSQL. */
const STARTS_PROCESSES = /^(cli|lib\/sql)\//;

const production = (sources: readonly Source[]): Source[] => sources.filter(({ path }) => !isTest(path));

/** A workspace imports only those below it, by their package names. */
export const importRule: Rule = (sources) =>
  production(sources).flatMap((source) => {
    const from = topOf(source.path);
    const allowed = MAY_IMPORT[from];
    if (!allowed) return [];
    return importsOf(source).flatMap(({ specifier, target, where }) => {
      if (target === undefined) return [];
      const to = topOf(target);
      if (to === from) return [];
      if (!allowed.includes(to)) return [`${where}: ${from} must not import ${to} ("${specifier}")`];
      return specifier.startsWith('.') ? [`${where}: import "@gala/${to}/…", not "${specifier}"`] : [];
    });
  });

/** A service is a folder two below services/; services meet in protocol only. */
export const serviceRule: Rule = (sources) => {
  const serviceOf = (path: string): string | undefined => /^services\/[^/]+\/[^/]+(?=\/)/.exec(path)?.[0];
  return production(sources).flatMap((source) => {
    const own = serviceOf(source.path);
    return importsOf(source)
      .filter(({ target }) => own && target && serviceOf(target) && serviceOf(target) !== own)
      .map(({ specifier, where }) => `${where}: a service must not import another ("${specifier}")`);
  });
};

/** Only the composition root starts processes; a service asks for a child by `context.spawn`. */
export const processRule: Rule = (sources) =>
  production(sources)
    .filter(({ path }) => !STARTS_PROCESSES.test(path))
    .flatMap((source) =>
      importsOf(source)
        .filter(({ specifier }) => /^(node:)?(child_process|cluster)$/.test(specifier))
        .map(({ where }) => `${where}: only cli starts processes; ask for a child by context.spawn`),
    );

/** Folders inside a leaf import each other without cycles. */
export const folderCycleRule: Rule = (sources) =>
  LEAVES.flatMap((leaf) => folderCycles(leaf, production(sources)));

function folderCycles(leaf: string, sources: readonly Source[]): string[] {
  const edges = new Map<string, Set<string>>();
  for (const source of sources.filter(({ path }) => topOf(path) === leaf)) {
    const from = posix.dirname(source.path);
    for (const { target } of importsOf(source)) {
      if (target === undefined || topOf(target) !== leaf || posix.dirname(target) === from) continue;
      edges.set(from, (edges.get(from) ?? new Set()).add(posix.dirname(target)));
    }
  }
  return [...edges.keys()]
    .map((folder) => pathBetween(edges, folder, folder))
    .filter((cycle) => cycle !== undefined && cycle[0] === cycle.toSorted()[0])
    .map((cycle) => `${cycle?.[0]}: folders import each other in a cycle: ${cycle?.join(' → ')}`);
}

/** Shortest way over at least one edge, both ends included. */
function pathBetween(
  edges: ReadonlyMap<string, ReadonlySet<string>>,
  start: string,
  end: string,
): string[] | undefined {
  const ways = [...(edges.get(start) ?? [])].map((next) => [start, next]);
  const seen = new Set<string>();
  for (const way of ways) {
    const last = way.at(-1) ?? '';
    if (last === end) return way;
    if (seen.has(last)) continue;
    seen.add(last);
    ways.push(...[...(edges.get(last) ?? [])].map((next) => [...way, next]));
  }
  return undefined;
}

/** Whatever a page imports, directly or not, runs in a browser: no server code, no module of Node. */
export const browserRule: Rule = (sources) => {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const entries = production(sources).filter(
    ({ path }) => topOf(path) === 'web' && !path.endsWith('.config.ts'),
  );
  const importedBy = new Map<string, string>(entries.map(({ path }) => [path, '']));
  const findings: string[] = [];
  for (const path of importedBy.keys()) {
    const source = byPath.get(path);
    for (const { specifier, target, where } of source ? importsOf(source) : []) {
      if (isBuiltin(specifier) || (target && !BROWSER.includes(topOf(target)))) {
        findings.push(`${where}: "${specifier}" reaches the browser by ${wayTo(path, importedBy)}`);
      } else if (target && !importedBy.has(target)) {
        importedBy.set(target, path);
      }
    }
  }
  return findings;
};

function wayTo(path: string, importedBy: ReadonlyMap<string, string>): string {
  const before = importedBy.get(path);
  return before ? `${wayTo(before, importedBy)} → ${path}` : path;
}
