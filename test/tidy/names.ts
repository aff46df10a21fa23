import type { Rule } from './source.ts';

const KEBAB = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;
/** Names that others look for by this spelling, and those that protobuf makes. */
const GIVEN = /^([A-Z_]+(\.md)?|Dockerfile|[a-z0-9_]+\.proto|[a-z0-9_]+_pb\.(js|d\.ts))$/;
const EMPTY_WORDS = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc']);

/** Files and folders are kebab-case and say what is in them. */
export const nameRule: Rule = (sources) => {
  const segments = new Map(
    sources.flatMap(({ path }) => path.split('/').map((segment): [string, string] => [segment, path])),
  );
  return [...segments].flatMap(([segment, path]) => {
    if (!KEBAB.test(segment) && !GIVEN.test(segment)) return [`${path}: "${segment}" is not kebab-case`];
    const word = segment.split(/[-.]/).find((part) => EMPTY_WORDS.has(part));
    return word ? [`${path}: "${word}" does not say what is in it`] : [];
  });
};
