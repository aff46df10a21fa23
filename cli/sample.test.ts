import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSettings, sampleYaml, type Section, type Settings } from '@gala/lib/config';
import { expect, test } from 'vitest';
import { root } from './paths.ts';
import { sections } from './settings.ts';

const file = join(root, 'gala.sample.yaml');

const valuesOf = (settings: Settings): unknown[] => sections.map((section: Section) => settings.get(section));

test('the sample in the repository is what `gala settings` prints', () => {
  expect(readFileSync(file, 'utf8')).toBe(sampleYaml(sections));
});

test('it loads, and changes nothing', () => {
  expect(valuesOf(loadSettings(sections, { file, env: {} }))).toEqual(
    valuesOf(loadSettings(sections, { env: {} })),
  );
});
