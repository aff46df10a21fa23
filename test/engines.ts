import { describe, test } from 'vitest';
import { findEngine, installLine, type EngineName } from '../cli/tasks/engines.ts';

export type EnginePaths<Name extends EngineName> = Readonly<Record<Name, string>>;

/**
 * A suite that runs real engines, given their paths. Where one is missing its tests are skipped, and said to be;
 * with CI=true the suite fails instead.
 */
export function describeWithEngines<Name extends EngineName>(
  title: string,
  names: readonly Name[],
  body: (paths: EnginePaths<Name>) => void,
): void {
  const missing = names.filter((name) => !findEngine(name));
  const entries = names.map((name) => [name, findEngine(name) ?? name]);
  const suite = (): void => body(Object.fromEntries(entries) as EnginePaths<Name>);
  if (missing.length === 0) {
    describe(title, suite);
  } else if (process.env['CI'] === 'true') {
    test(`${title}: ${missing.join(', ')} installed`, () => {
      throw new Error(`missing: ${installLine(missing)}`);
    });
  } else {
    console.error(`SKIPPED "${title}": no ${missing.join(', ')} here. ${installLine(missing)}`);
    describe.skip(title, suite);
  }
}

/** Path of an engine for code that runs inside `describeWithEngines`. */
export function enginePath(name: EngineName): string {
  return findEngine(name) ?? name;
}
