import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseSync, type ParseResult } from 'vite';

/** A file of the repository: its path from the top folder, with `/`, and its text ('' when it is not text). */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** What a rule finds, one sentence each, as `path:line: what is wrong`. */
export type Findings = readonly string[];
export type Rule = (sources: readonly Source[]) => Findings;

/** Folders that hold no source: installed, built, or the data of a running server. */
const OUTSIDE = new Set(['.git', 'node_modules', 'dist', 'data', 'coverage', '.cache', '.vite']);
const TEXT = /(^|\/)[^./]+$|\.(ts|tsx|js|mjs|json|md|ya?ml|css|html|sh|c|h|proto|svg|txt)$/;
const CODE = /\.(ts|tsx|js|mjs)$/;

/** Every file of the repository under `root`, in order of path. */
export function readSources(root: string): Source[] {
  return pathsUnder(root, '').map((path) => ({
    path,
    text: TEXT.test(path) ? readFileSync(join(root, path), 'utf8') : '',
  }));
}

function pathsUnder(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory()) return OUTSIDE.has(entry.name) ? [] : pathsUnder(root, path);
      return entry.isFile() ? [path] : [];
    });
}

export const isCode = ({ path }: Source): boolean => CODE.test(path);
export const isGenerated = (path: string): boolean => path.startsWith('protocol/generated/');
/** Files that run in tests and benches alone: they may import anything of ours. */
export const isTest = (path: string): boolean => /^(test|bench)\/|\.test\.tsx?$/.test(path);
/** The top folder a path lies in, '' for a file beside package.json. */
export const topOf = (path: string): string => (path.includes('/') ? (path.split('/')[0] ?? '') : '');

const parsed = new WeakMap<Source, ParseResult>();

export function parse(source: Source): ParseResult {
  let result = parsed.get(source);
  if (!result) parsed.set(source, (result = parseSync(source.path, source.text)));
  return result;
}

/** `path:line` of an offset, for a finding. */
export function at({ path, text }: Source, offset: number): string {
  return `${path}:${lineOf(text, offset)}`;
}

export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
