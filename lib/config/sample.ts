import { stringify } from 'yaml';
import { envNameOf, fieldsOf, type Field } from './fields.ts';
import type { Section } from './types.ts';

const head = `# Settings of Gala. Every line that begins with "#" and a key shows a default: remove the "#" to change it.
# A change needs a restart. Each key can also be set by the environment variable named beside it,
# or by <variable>_FILE, whose file holds the value.
`;

/** A commented `gala.yaml` from the sections' defaults and descriptions; a test compares it with the one in the repo. */
export function sampleYaml(sections: readonly Section[]): string {
  return head + sections.map((declared) => `\n${branch(fieldsOf(declared), undefined)}`).join('');
}

function branch(field: Field, defaults: unknown): string {
  const indent = indentOf(field);
  const children = field.children ?? [];
  const lines = children.map((child) => {
    const preset = defaultOf(child, defaults);
    return child.children ? branch(child, preset) : leaf(child, preset);
  });
  return `${comment(field, '')}${indent}${field.path.at(-1)}:\n${lines.join('')}`;
}

function leaf(field: Field, preset: unknown): string {
  const value =
    preset === undefined ? '' : ` ${stringify(preset, { collectionStyle: 'flow', lineWidth: 0 }).trim()}`;
  return `${comment(field, `[${envNameOf(field.path)}]`)}${indentOf(field)}#${field.path.at(-1)}:${value}\n`;
}

function comment(field: Field, suffix: string): string {
  const text = [field.description, suffix].filter(Boolean).join(' ');
  return text === '' ? '' : `${text.replace(/^/gm, `${indentOf(field)}# `)}\n`;
}

function defaultOf(field: Field, parentDefaults: unknown): unknown {
  const key = field.path[field.path.length - 1];
  if (typeof parentDefaults === 'object' && parentDefaults !== null)
    return (parentDefaults as Record<string, unknown>)[key];
  const result = field.schema.safeParse(undefined);
  return result.success ? result.data : undefined;
}

function indentOf(field: Field): string {
  return '  '.repeat(field.path.length - 1);
}
