import { Visitor, type ESTree } from 'vite';
import { at, isCode, isGenerated, isTest, parse, type Rule, type Source } from './source.ts';

const TAG = /\b(TODO|FIXME|XXX|HACK)\b/g;
const OTHER_COMMENTED = /\.(c|h|css|html|proto|sh|ya?ml)$/;
const TEST_FUNCTIONS = new Set(['describe', 'test', 'it', 'suite', 'bench']);
/** Places that exist on one machine or in one network only, and marks of who typed a text. */
const ELSEWHERE = [
  /(?<![\w.])\/(work|root|Users\/\w+)\//g,
  /\bregistry\.[\w-]+\.[a-z]+\b/gi,
  /\b(co-authored-by|generated (with|by) \[)/gi,
];

/** What is left to do stands in an issue, not in a comment. */
export const tagRule: Rule = (sources) =>
  sources.flatMap((source) => {
    if (isGenerated(source.path)) return [];
    const comments = isCode(source)
      ? parse(source).comments.map(({ value, start }) => ({ value, start: start + 2 }))
      : OTHER_COMMENTED.test(source.path)
        ? [{ value: source.text, start: 0 }]
        : [];
    return comments.flatMap(({ value, start }) =>
      [...value.matchAll(TAG)].map(({ 0: tag, index }) => `${at(source, start + index)}: comment tag ${tag}`),
    );
  });

/** A test that runs alone hides all others. */
export const onlyRule: Rule = (sources) =>
  sources.filter((source) => isCode(source) && isTest(source.path)).flatMap(onlies);

function onlies(source: Source): string[] {
  const findings: string[] = [];
  new Visitor({
    MemberExpression: (node) => {
      const isOnly = node.property.type === 'Identifier' && !node.computed && node.property.name === 'only';
      if (isOnly && TEST_FUNCTIONS.has(rootName(node.object)))
        findings.push(`${at(source, node.start)}: .only`);
    },
  }).visit(parse(source).program);
  return findings;
}

function rootName(node: ESTree.Expression | ESTree.Super): string {
  if (node.type === 'MemberExpression') return rootName(node.object);
  return node.type === 'Identifier' ? node.name : '';
}

/** The repository reads the same everywhere: no path of one machine, no host of one network. */
export const placeRule: Rule = (sources) =>
  sources
    .filter(({ path }) => !path.startsWith('test/tidy') && path !== 'package-lock.json')
    .flatMap((source) =>
      ELSEWHERE.flatMap((pattern) =>
        [...source.text.matchAll(pattern)].map(
          ({ 0: place, index }) => `${at(source, index)}: names "${place}"`,
        ),
      ),
    );
