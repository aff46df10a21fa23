import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { dotted, envNameOf, type Field, type FieldKind } from './fields.ts';
import { nearest } from './nearest.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A value that an environment variable gave to a leaf. */
export interface EnvironmentValue {
  readonly leaf: Field;
  /** Name of the variable, for messages. */
  readonly variable: string;
  readonly value: unknown;
}

/** Reads all `GALA_*` variables; what is wrong with them is added to `problems`. */
export function readEnvironment(
  leaves: readonly Field[],
  env: Environment,
  { reserved, problems }: { readonly reserved: ReadonlySet<string>; readonly problems: string[] },
): EnvironmentValue[] {
  const leafByName = new Map(leaves.map((leaf) => [envNameOf(leaf.path), leaf]));
  const values = new Map<Field, EnvironmentValue>();
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('GALA_') || text === undefined || reserved.has(variable)) continue;
    const found = lookUp(leafByName, variable);
    if (!found) problems.push(unknownVariable(variable, [...leafByName.keys(), ...reserved]));
    else if (values.has(found.leaf))
      problems.push(`${dotted(found.leaf.path)}: set by two variables, ${variable} is one`);
    else values.set(found.leaf, readValue({ ...found, variable, text }, problems));
  }
  return [...values.values()].filter(({ value }) => value !== undefined);
}

/** An exact name wins, so that a key that ends in `file` keeps its own variable. */
function lookUp(
  leafByName: ReadonlyMap<string, Field>,
  variable: string,
): { leaf: Field; fromFile: boolean } | undefined {
  const leaf = leafByName.get(variable);
  if (leaf) return { leaf, fromFile: false };
  const pointed = variable.endsWith('_FILE') ? leafByName.get(variable.slice(0, -'_FILE'.length)) : undefined;
  return pointed && { leaf: pointed, fromFile: true };
}

interface Variable {
  readonly leaf: Field;
  readonly variable: string;
  readonly text: string;
  readonly fromFile: boolean;
}

function readValue({ leaf, variable, text, fromFile }: Variable, problems: string[]): EnvironmentValue {
  let content: string | undefined = text;
  try {
    if (fromFile) content = readFileSync(text, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    content = undefined;
    problems.push(
      `${dotted(leaf.path)}: cannot read the file that ${variable} names (${(error as NodeJS.ErrnoException).code})`,
    );
  }
  return { leaf, variable, value: content === undefined ? undefined : coerceLeaf(leaf, content) };
}

function coerceLeaf(leaf: Field, text: string): unknown {
  if (leaf.kind !== 'list' || text.trimStart().startsWith('[')) return coerce(leaf.kind, text);
  const parts = text.split(',').map((part) => part.trim());
  return parts.filter((part) => part !== '').map((part) => coerce(leaf.elementKind, part));
}

/** What does not look like the wanted type stays text, so that the schema names the mistake. */
function coerce(kind: FieldKind, text: string): unknown {
  if (kind === 'text') return text;
  if (kind === 'number') return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
  if (kind === 'boolean')
    return ({ true: true, false: false, 1: true, 0: false } as Record<string, boolean>)[text] ?? text;
  try {
    return parse(text) as unknown;
  } catch {
    return text;
  }
}

function unknownVariable(variable: string, known: readonly string[]): string {
  const candidate = nearest(variable, known);
  return `${variable}: unknown variable${candidate ? `, the nearest known one is ${candidate}` : ''}`;
}
