import { buildBundle, buildWeb } from '../../cli/tasks/build.ts';

/** Each project loads this module anew; the build is one for all of them. */
const shared = globalThis as { galaBuild?: Promise<void> };

/** Scenarios run what users run: the bundle and the built pages of the present sources. */
export default function setup(): Promise<void> {
  return (shared.galaBuild ??= build());
}

async function build(): Promise<void> {
  // Under the NODE_ENV of a test run React would come in its development form.
  const { NODE_ENV: before } = process.env;
  process.env['NODE_ENV'] = 'production';
  try {
    await buildWeb();
  } finally {
    process.env['NODE_ENV'] = before;
  }
  await buildBundle();
}
