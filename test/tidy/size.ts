import { Visitor, type ESTree } from 'vite';
import { at, isCode, isGenerated, lineOf, parse, type Rule, type Source } from './source.ts';

const FILE_LINES_MAX = 500;
const FUNCTION_LINES_MAX = 70;
const PARAMETERS_MAX = 3;
/** Functions that register tests are lists of functions; each test in them is measured by itself. */
const REGISTERS_TESTS = new Set(['describe', 'describeWithEngines', 'test', 'it']);

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Measured extends Span {
  readonly params: readonly ESTree.ParamPattern[];
}

const handwritten = (source: Source): boolean => isCode(source) && !isGenerated(source.path);

export const fileSizeRule: Rule = (sources) =>
  sources
    .filter((source) => handwritten(source) || /\.(css|c|h|sh|proto)$/.test(source.path))
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > FILE_LINES_MAX)
    .map(({ path, lines }) => `${path}: ${lines} lines; a file has at most ${FILE_LINES_MAX}`);

export const functionSizeRule: Rule = (sources) => sources.filter(handwritten).flatMap(measureFunctions);

function measureFunctions(source: Source): string[] {
  const functions: Measured[] = [];
  const registrations: Span[] = [];
  const rows = new Set<number>();
  const keep = (node: Measured): void => void functions.push(node);
  new Visitor({
    FunctionDeclaration: keep,
    FunctionExpression: keep,
    ArrowFunctionExpression: keep,
    CallExpression: (node) => {
      if (node.callee.type === 'Identifier' && REGISTERS_TESTS.has(node.callee.name))
        registrations.push(node);
      // The test of a table, `test.each(rows)(title, test)`, has as many parameters as a row has columns.
      if (node.callee.type === 'CallExpression') for (const { start } of node.arguments) rows.add(start);
    },
  }).visit(parse(source).program);
  return functions.flatMap((node) => [
    ...tooLong(source, node, registrations),
    ...(rows.has(node.start) ? [] : tooManyParameters(source, node)),
  ]);
}

function tooLong(source: Source, node: Measured, registrations: readonly Span[]): string[] {
  const lines = lineOf(source.text, node.end) - lineOf(source.text, node.start) + 1;
  const isList = registrations.some(({ start, end }) => node.start < start && end < node.end);
  if (lines <= FUNCTION_LINES_MAX || isList) return [];
  return [`${at(source, node.start)}: ${lines} lines; a function has at most ${FUNCTION_LINES_MAX}`];
}

function tooManyParameters(source: Source, { params, start }: Measured): string[] {
  const count = params.filter((param) => !(param.type === 'Identifier' && param.name === 'this')).length;
  if (count <= PARAMETERS_MAX) return [];
  return [
    `${at(source, start)}: ${count} parameters; take at most ${PARAMETERS_MAX}, then one options object`,
  ];
}
