export type { Section, Settings } from './types.ts';
export type { Environment } from './environment.ts';
export { configErrors } from './errors.ts';
export { sampleYaml } from './sample.ts';
export { loadSettings, section, type SettingsSource } from './settings.ts';
