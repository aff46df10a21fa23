import { expect, test } from 'vitest';
import { missingPlatforms } from './lock.ts';

test('lists what a package installs on other platforms, with what npm would know of it', () => {
  const packages = {
    'node_modules/a': {
      dev: true,
      optionalDependencies: {
        '@a/linux-x64-musl': '1.0.0',
        '@a/win32-arm64': '1.0.0',
        '@a/linux-arm-gnueabihf': '1.0.0',
      },
    },
    'node_modules/@a/win32-arm64': { version: '1.0.0' },
  };
  expect(missingPlatforms(packages)).toEqual({
    'node_modules/@a/linux-x64-musl': {
      version: '1.0.0',
      cpu: ['x64'],
      dev: true,
      libc: ['musl'],
      optional: true,
      os: ['linux'],
    },
    'node_modules/@a/linux-arm-gnueabihf': {
      version: '1.0.0',
      cpu: ['arm'],
      dev: true,
      optional: true,
      os: ['linux'],
    },
  });
});

test('leaves out what names no platform or no one version', () => {
  const optionalDependencies = { fsevents: '2.3.3', '@a/darwin-x64': '^1.0.0' };
  expect(missingPlatforms({ 'node_modules/a': { optionalDependencies } })).toEqual({});
});
