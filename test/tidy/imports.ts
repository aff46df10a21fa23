import { posix } from 'node:path';
import { Visitor } from 'vite';
import { at, isCode, parse, type Source } from './source.ts';

/** One import, export-from or `import()` of a file, types included. */
export interface Import {
  readonly specifier: string;
  /** Path of the file it means, when that is one of ours; undefined for packages and Node's own modules. */
  readonly target: string | undefined;
  /** `path:line` of the import. */
  readonly where: string;
}

const collected = new WeakMap<Source, readonly Import[]>();

export function importsOf(source: Source): readonly Import[] {
  if (!isCode(source)) return [];
  let imports = collected.get(source);
  if (!imports) collected.set(source, (imports = collect(source)));
  return imports;
}

function collect(source: Source): Import[] {
  const { module, program } = parse(source);
  const found: [specifier: string, offset: number][] = [
    ...module.staticImports.map(({ moduleRequest, start }): [string, number] => [moduleRequest.value, start]),
    ...module.staticExports.flatMap(({ entries, start }) =>
      entries.flatMap(({ moduleRequest }): [string, number][] =>
        moduleRequest ? [[moduleRequest.value, start]] : [],
      ),
    ),
  ];
  const literal = (node: { type: string; value?: unknown }, start: number): void => {
    if (node.type === 'Literal' && typeof node.value === 'string') found.push([node.value, start]);
  };
  new Visitor({
    ImportExpression: (node) => literal(node.source, node.start),
    TSImportType: (node) => literal(node.source, node.start),
  }).visit(program);
  return found.map(([specifier, offset]) => ({
    specifier,
    target: targetOf(source.path, specifier),
    where: at(source, offset),
  }));
}

function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier);
  if (specifier.startsWith('@gala/')) return `${specifier.slice('@gala/'.length)}/index.ts`;
  return undefined;
}

/** Name of the package a specifier means, e.g. `@grpc/grpc-js`; undefined for files and Node's own modules. */
export function packageOf(specifier: string): string | undefined {
  if (/^(\.|node:|@gala\/)/.test(specifier)) return undefined;
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
}
