import { sampleYaml } from '@gala/lib/config';
import { sections } from './settings.ts';

/** `gala settings`: a commented gala.yaml with every setting at its default. */
export async function sample(): Promise<void> {
  process.stdout.write(sampleYaml(sections));
}
