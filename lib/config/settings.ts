import type { z } from 'zod';
import { CodedError, invariant } from '../error/index.ts';
import { readEnvironment, type Environment, type EnvironmentValue } from './environment.ts';
import { configErrors } from './errors.ts';
import { dotted, envNameOf, fieldsOf, leavesOf } from './fields.ts';
import { readSettingsFile, type RawSection } from './settings-file.ts';
import type { Section, Settings } from './types.ts';

/** Variables that the launcher reads before there are settings. */
const launcherEnv = ['GALA_DATA', 'GALA_CONFIG'];

export interface SettingsSource {
  /** Path of `gala.yaml`; it must exist when given. */
  readonly file?: string;
  readonly env: Environment;
  /** Named as in `env`; they count where neither the file nor the environment says something. */
  readonly defaults?: Environment;
  /** Names of `GALA_*` variables that are no settings, beside `GALA_DATA` and `GALA_CONFIG`. */
  readonly reservedEnv?: readonly string[];
}

/** Declares a named part of the settings. Give every key a default where one can be, and a `.describe`. */
export function section<Schema extends z.ZodObject>(name: string, schema: Schema): Section<Schema> {
  return { name, schema };
}

/**
 * Reads, checks and freezes all settings: defaults, then `gala.yaml`, then `GALA_<SECTION>_<KEY>` (lists comma
 * separated) or `GALA_<SECTION>_<KEY>_FILE`, whose file holds the value. `sections` are all that the installation
 * knows, not only this process's, since an unknown key is an error.
 * @throws CodedError SETTINGS_INVALID whose detail lists every problem; values are never shown.
 */
export function loadSettings(sections: readonly Section[], source: SettingsSource): Settings {
  const problems: string[] = [];
  const roots = sections.map(fieldsOf);
  const raw = source.file ? readSettingsFile(source.file, roots, problems) : new Map<string, RawSection>();
  const reserved = new Set([...launcherEnv, ...(source.reservedEnv ?? [])]);
  const fromEnv = readEnvironment(roots.flatMap(leavesOf), source.env, { reserved, problems });
  for (const given of fromEnv) assign(raw, given);
  const defaults = readEnvironment(roots.flatMap(leavesOf), source.defaults ?? {}, { reserved, problems });
  for (const given of defaults) if (!isGiven(raw, given)) assign(raw, given);
  const loaded = new LoadedSettings();
  for (const declared of sections) {
    invariant(!loaded.has(declared), `section ${declared.name} is declared once`);
    const result = declared.schema.safeParse(raw.get(declared.name) ?? {});
    if (result.success) loaded.set(declared, deepFreeze(result.data));
    else problems.push(...result.error.issues.map((issue) => explain(declared, issue, fromEnv)));
  }
  if (problems.length > 0)
    throw new CodedError(configErrors, 'SETTINGS_INVALID', {
      detail: problems.map((line) => `\n  ${line}`).join(''),
    });
  return loaded;
}

class LoadedSettings implements Settings {
  readonly #values = new Map<string, { readonly section: Section; readonly value: unknown }>();

  has({ name }: Section): boolean {
    return this.#values.has(name);
  }

  set(declared: Section, value: unknown): void {
    this.#values.set(declared.name, { section: declared, value });
  }

  get<Schema extends z.ZodObject>(wanted: Section<Schema>): Readonly<z.output<Schema>> {
    const found = this.#values.get(wanted.name);
    invariant(found?.section === wanted, `section ${wanted.name} was given to loadSettings`);
    return found.value as Readonly<z.output<Schema>>;
  }
}

function isGiven(raw: ReadonlyMap<string, RawSection>, { leaf }: EnvironmentValue): boolean {
  const [name, ...keys] = leaf.path;
  let value: unknown = raw.get(name);
  for (const key of keys) value = (value as RawSection | undefined)?.[key];
  return value !== undefined;
}

function assign(raw: Map<string, RawSection>, { leaf, value }: EnvironmentValue): void {
  const [name, ...keys] = leaf.path;
  const root = raw.get(name) ?? {};
  raw.set(name, root);
  let target = root;
  for (const key of keys.slice(0, -1)) {
    const inner = target[key];
    target =
      typeof inner === 'object' && inner !== null ? (inner as RawSection) : (target[key] = {} as RawSection);
  }
  target[keys[keys.length - 1]] = value;
}

function explain(declared: Section, issue: z.core.$ZodIssue, fromEnv: readonly EnvironmentValue[]): string {
  const path = [declared.name, ...issue.path];
  const given = fromEnv.find(({ leaf }) => leaf.path.every((key, index) => key === path[index]));
  const origin = given ? `set by ${given.variable}` : envNameOf(path);
  return `${dotted(path)} (${origin}): ${issue.message}`;
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value))
    return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
