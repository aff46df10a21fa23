import type { z } from 'zod';
import type { Section } from './types.ts';

/** How the text of an environment variable becomes a value of the schema's type. */
export type FieldKind = 'number' | 'boolean' | 'text' | 'list' | 'yaml';

/** One key of a section: a leaf that holds a value, or a branch that holds further keys. */
export interface Field {
  /** Section name first: `['http', 'tls', 'cert']`. */
  readonly path: readonly string[];
  readonly schema: z.ZodType;
  readonly kind: FieldKind;
  /** Kind of the elements when `kind` is `list`. */
  readonly elementKind: FieldKind;
  readonly description: string | undefined;
  /** True when the key may be absent. */
  readonly optional: boolean;
  /** Present on a branch only. */
  readonly children: readonly Field[] | undefined;
}

interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly element?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
}

const wrappers = new Set(['optional', 'default', 'prefault', 'nullable', 'nonoptional', 'readonly', 'catch']);
const kinds: Readonly<Record<string, FieldKind>> = {
  number: 'number',
  boolean: 'boolean',
  string: 'text',
  enum: 'text',
  literal: 'text',
  array: 'list',
};

/** The tree of keys that a section's schema allows. */
export function fieldsOf(section: Section): Field {
  return describeField([section.name], section.schema);
}

export function leavesOf(field: Field): Field[] {
  return field.children ? field.children.flatMap(leavesOf) : [field];
}

export function dotted(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

/** `['edge', 'holdMs']` → `GALA_EDGE_HOLD_MS`. */
export function envNameOf(path: readonly PropertyKey[]): string {
  const words = path.map((key) => String(key).replace(/([a-z0-9])([A-Z])/g, '$1_$2'));
  return `GALA_${words.join('_').replaceAll('-', '_').toUpperCase()}`;
}

function describeField(path: readonly string[], schema: z.ZodType): Field {
  const layers = layersOf(schema);
  const core = definitionOf(layers[layers.length - 1]);
  return {
    path,
    schema,
    kind: kindOf(core),
    elementKind: core.element ? kindOf(innermost(core.element)) : 'text',
    description: layers.map((layer) => layer.description).find((text) => text !== undefined),
    optional: schema.safeParse(undefined).success,
    children:
      core.shape && Object.entries(core.shape).map(([key, child]) => describeField([...path, key], child)),
  };
}

/** The schema and everything that it wraps, outermost first; of a pipe only the side that takes the input. */
function layersOf(schema: z.ZodType): z.ZodType[] {
  const layers = [schema];
  for (let inner = inside(schema); inner; inner = inside(inner)) layers.push(inner);
  return layers;
}

function inside(schema: z.ZodType): z.ZodType | undefined {
  const definition = definitionOf(schema);
  if (definition.type === 'pipe') return definition.in;
  return wrappers.has(definition.type) ? definition.innerType : undefined;
}

function innermost(schema: z.ZodType): Definition {
  const layers = layersOf(schema);
  return definitionOf(layers[layers.length - 1]);
}

function kindOf(definition: Definition): FieldKind {
  return kinds[definition.type] ?? 'yaml';
}

function definitionOf(schema: z.ZodType): Definition {
  return schema.def;
}
