import { buildBundle, buildWeb } from '../../cli/tasks/build.ts';

/** Scenarios run what users run: the bundle and the built pages of the present sources. */
export default async function setup(): Promise<void> {
  await buildWeb();
  await buildBundle();
}
