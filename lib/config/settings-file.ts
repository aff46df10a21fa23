import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { dotted, leavesOf, type Field } from './fields.ts';
import { nearest } from './nearest.ts';

export type RawSection = Record<string, unknown>;

/** Reads `gala.yaml` into plain values by section; unknown keys and syntax errors are added to `problems`. */
export function readSettingsFile(
  path: string,
  roots: readonly Field[],
  problems: string[],
): Map<string, RawSection> {
  const top = parseFile(path, problems);
  const known = roots.flatMap((root) => [
    dotted(root.path),
    ...leavesOf(root).map((leaf) => dotted(leaf.path)),
  ]);
  const sections = new Map<string, RawSection>();
  for (const [name, value] of Object.entries(top)) {
    const root = roots.find((candidate) => candidate.path[0] === name);
    if (root) sections.set(name, (take(root, value, { known, problems }) ?? {}) as RawSection);
    else problems.push(unknownKey(name, known));
  }
  return sections;
}

function parseFile(path: string, problems: string[]): RawSection {
  try {
    const document = parseDocument(readFileSync(path, 'utf8'));
    for (const error of document.errors) problems.push(`${path}: ${error.message.split('\n')[0]}`);
    const top: unknown = document.errors.length > 0 ? {} : (document.toJS() ?? {});
    if (isPlain(top)) return top;
    problems.push(`${path}: the top level must be a map of sections`);
  } catch (error) {
    problems.push(`${path}: cannot be read (${(error as Error).message})`);
  }
  return {};
}

interface Findings {
  readonly known: readonly string[];
  readonly problems: string[];
}

/** Takes what the schema knows. An empty key (`tls:`) counts as absent, as in a sample with all lines commented out. */
function take(field: Field, value: unknown, findings: Findings): unknown {
  if (value === null) return undefined;
  if (!field.children || !isPlain(value)) return value;
  const taken: RawSection = {};
  for (const [key, inner] of Object.entries(value)) {
    const child = field.children.find((candidate) => candidate.path.at(-1) === key);
    if (!child) findings.problems.push(unknownKey(dotted([...field.path, key]), findings.known));
    else setUnlessAbsent(taken, key, take(child, inner, findings));
  }
  return Object.keys(taken).length === 0 && field.optional ? undefined : taken;
}

function setUnlessAbsent(target: RawSection, key: string, value: unknown): void {
  if (value !== undefined) target[key] = value;
}

function isPlain(value: unknown): value is RawSection {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknownKey(name: string, known: readonly string[]): string {
  const candidate = nearest(name, known);
  return `${name}: unknown key${candidate ? `, the nearest known one is ${candidate}` : ''}`;
}
