import { isBuiltin } from 'node:module';
import { importsOf, packageOf } from './imports.ts';
import { isTest, topOf, type Rule } from './source.ts';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface LockEntry extends Manifest {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

/** Files that never run in production: their packages are development dependencies of the repository. */
const DEVELOPMENT = /^cli\/tasks\/|\.config\.ts$|\/contract\.ts$|\/fixtures\/|\/testing(-[^/]+)?\.ts$/;

/** What a file imports stands in the package.json of its workspace, not just somewhere in node_modules. */
export const declaredRule: Rule = (sources) => {
  const manifests = new Map(
    sources
      .filter(({ path }) => /^([^/]+\/)?package\.json$/.test(path))
      .map(({ path, text }) => [topOf(path), JSON.parse(text) as Manifest]),
  );
  const root = manifests.get('');
  return sources.flatMap((source) => {
    const manifest = manifests.get(topOf(source.path)) ?? root;
    const development = isTest(source.path) || DEVELOPMENT.test(source.path);
    const declared = { ...manifest?.dependencies, ...manifest?.optionalDependencies };
    const names = new Set(Object.keys(development ? { ...declared, ...root?.devDependencies } : declared));
    return importsOf(source).flatMap(({ specifier, target, where }) => {
      const name =
        packageOf(specifier) ?? (target && specifier.startsWith('@') ? galaPackage(specifier) : undefined);
      if (!name || isBuiltin(specifier) || names.has(name) || (development && name.startsWith('@gala/')))
        return [];
      return [`${where}: "${name}" is not declared in ${topOf(source.path)}/package.json`];
    });
  });
};

const galaPackage = (specifier: string): string => specifier.split('/').slice(0, 2).join('/');

/**
 * Tools of `npm run check`, some of whose builds for other platforms the registry lacked when the lock was made:
 * cli/tasks/lock.ts lists them by version alone.
 */
const WITHOUT_INTEGRITY =
  /^node_modules\/@(bufbuild\/buf|oxc-parser\/binding|oxfmt\/binding|oxlint(-tsgolint)?\/)/;

/** The lock file serves every platform and every mirror. */
export const lockRule: Rule = (sources) => {
  const lock = sources.find(({ path }) => path === 'package-lock.json');
  if (!lock) return ['package-lock.json: missing'];
  const { packages } = JSON.parse(lock.text) as { packages: Readonly<Record<string, LockEntry>> };
  return Object.entries(packages).flatMap(([path, entry]) => [
    ...missingOptionals(packages, path),
    ...(entry.resolved?.startsWith('http') ? [`package-lock.json: ${path} names a registry host`] : []),
    ...(path.startsWith('node_modules/') && !entry.link && !entry.integrity && !WITHOUT_INTEGRITY.test(path)
      ? [`package-lock.json: ${path} has no integrity`]
      : []),
  ]);
};

/** npm drops the packages of other platforms when it remakes the lock beside node_modules. */
function missingOptionals(packages: Readonly<Record<string, LockEntry>>, path: string): string[] {
  const folders = path
    .split('/node_modules/')
    .map((_part, index, parts) => parts.slice(0, index + 1).join('/node_modules/'));
  return Object.keys(packages[path]?.optionalDependencies ?? {})
    .filter(
      (name) =>
        !['', ...folders].some((folder) => `${folder ? `${folder}/` : ''}node_modules/${name}` in packages),
    )
    .map(
      (name) =>
        `package-lock.json: ${name} is missing, which ${path || 'package.json'} installs on some platform`,
    );
}
