import { posix } from 'node:path';
import { at, topOf, type Rule, type Source } from './source.ts';

const CODE_SPAN = /`([^`\n]+)`/g;
const LINK = /\]\(([^)\s#]+)(#[^)]*)?\)/g;
const PATH = /^[\w.@*{},-]+(\/[\w.@*{},-]+)+\/?$/;
const FILE = /\.(ts|tsx|js|json|ya?ml|md|c|proto|css)$/;
/** What appears only once something has been installed, built or started. */
const MADE = /^(node_modules|dist|data|web\/dist|\.cache)\//;

/** Every path that a page names is there. */
export const docsRule: Rule = (sources) => {
  const paths = new Set(sources.flatMap(({ path }) => [path, ...foldersOf(path)]));
  return sources.filter(({ path }) => path.endsWith('.md')).flatMap((source) => missingPaths(source, paths));
};

function missingPaths(source: Source, paths: ReadonlySet<string>): string[] {
  const tops = new Set([...paths].map(topOf));
  const exists = (named: string): boolean =>
    [named, posix.join(posix.dirname(source.path), named)].some((path) =>
      isThere(path.replace(/\/$/, ''), paths),
    );
  // Blocks of code show commands and settings; blanks in their place keep the line numbers.
  const prose = source.text.replaceAll(/```[\s\S]*?```/g, (block) => block.replaceAll(/[^\n]/g, ' '));
  const spans = [...prose.matchAll(CODE_SPAN)].filter(([, span = '']) => PATH.test(span));
  const ours = spans.filter(
    ([, span = '']) => (tops.has(topOf(span)) || FILE.test(span)) && !MADE.test(span),
  );
  const links = [...prose.matchAll(LINK)].filter(([, link = '']) => !/^[a-z]+:/.test(link));
  return [...ours, ...links]
    .filter(([, named = '']) => !exists(named))
    .map(({ 1: named, index }) => `${at(source, index)}: there is no ${named}`);
}

function isThere(path: string, paths: ReadonlySet<string>): boolean {
  if (!/[*{]/.test(path)) return paths.has(path);
  return [...paths].some((candidate) => posix.matchesGlob(candidate, path));
}

function foldersOf(path: string): string[] {
  const folder = posix.dirname(path);
  return folder === '.' ? [] : [folder, ...foldersOf(folder)];
}
