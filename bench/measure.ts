/** What a bench reads off the machine (CPU and memory of a whole process tree) and makes of it (medians, tables). */
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time and memory of a process tree at one moment. */
export interface TreeSample {
  readonly atMs: number;
  /** User + system time of all members, with that of descendants already gone, in clock ticks (10 ms). */
  readonly cpuTicks: number;
  readonly rssBytes: number;
  /** Proportional set size: pages shared within the tree count once. Both are 0 where /proc hides them. */
  readonly pssBytes: number;
  readonly processes: number;
}

/** Linux answers process times in hundredths of a second on every platform we run on. */
const ticksPerSecond = 100;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuTicks: number;
}

/** Process ids of `root` and all its descendants that live now. */
export function processTree(root: number): number[] {
  return treeStats(root).map((stat) => stat.pid);
}

/**
 * Samples the tree of `root`. The time of children that ended is included through their parents' cutime/cstime
 * (proc(5)), so a short-lived helper between two samples is not lost.
 */
export function sampleTree(root: number): TreeSample {
  const stats = treeStats(root);
  const memory = stats.map((stat) => memoryBytes(stat.pid));
  return {
    atMs: performance.now(),
    cpuTicks: stats.reduce((sum, stat) => sum + stat.cpuTicks, 0),
    rssBytes: memory.reduce((sum, { rss }) => sum + rss, 0),
    pssBytes: memory.reduce((sum, { pss }) => sum + pss, 0),
    processes: stats.length,
  };
}

/** CPU of the tree between two samples, as percent of ONE core. */
export function cpuPercent(from: TreeSample, to: TreeSample): number {
  return ((to.cpuTicks - from.cpuTicks) / ticksPerSecond / ((to.atMs - from.atMs) / 1000)) * 100;
}

function treeStats(root: number): ProcessStat[] {
  const byParent = new Map<number, ProcessStat[]>();
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? processStat(Number(name)) : []));
  for (const stat of all) byParent.set(stat.parent, [...(byParent.get(stat.parent) ?? []), stat]);
  const tree = all.filter((stat) => stat.pid === root);
  for (const stat of tree) tree.push(...(byParent.get(stat.pid) ?? []));
  return tree;
}

/** One process of /proc, or none when it has ended meanwhile. */
function processStat(pid: number): ProcessStat[] {
  const text = readProc(`/proc/${pid}/stat`);
  if (text === undefined) return [];
  // The command name may hold spaces and brackets, so fields are counted from the last bracket: state is field 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  const cpuTicks = field(14) + field(15) + field(16) + field(17);
  return [{ pid, parent: field(4), cpuTicks }];
}

function memoryBytes(pid: number): { rss: number; pss: number } {
  const text = readProc(`/proc/${pid}/smaps_rollup`) ?? '';
  const bytes = (name: string): number =>
    Number(text.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))?.[1] ?? 0) * 1024;
  return { rss: bytes('Rss'), pss: bytes('Pss') };
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The middle value, and the range it was taken from. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median of one value per run; the mean of the middle two for an even count. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error('a spread needs at least one value');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** `12.3 (11.9–12.8)`; the bare figure when all runs agree after rounding. */
export function formatSpread(spread: Spread, digits: number): string {
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) =>
    formatNumber(value, digits),
  );
  return min === max ? median : `${median} (${min}–${max})`;
}

/** Fixed digits with thousands separators. */
export function formatNumber(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A markdown table, padded so that it reads in a terminal too. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column].length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(header), rule, ...rows.map(line)].join('\n');
}

/** What was promised, and whether it is kept. */
export type Check = readonly [what: string, isKept: boolean];

/** Prints each; true when one is broken. */
export function printChecks(checks: readonly Check[]): boolean {
  for (const [what, isKept] of checks) console.log(`${isKept ? 'kept' : 'BROKEN'}: ${what}`);
  return checks.some(([, isKept]) => !isKept);
}
