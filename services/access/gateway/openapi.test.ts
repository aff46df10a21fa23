import { operations } from '@gala/protocol/rest';
import { expect, test } from 'vitest';
import { openApiDocument } from './openapi.ts';

interface Described {
  operationId: string;
  parameters: { name: string; in: string; required: boolean; schema: object }[];
  responses: Record<string, object>;
  requestBody?: { required: boolean };
  security: object[];
}

const document = openApiDocument({ operations, serverUrl: '/', cookieName: 'gala_session' });
const paths = document.paths as Record<string, Record<string, Described>>;

/** Every `$ref` of the document, wherever it stands. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' ? [String(inner)] : references(inner),
  );
}

function resolve(reference: string): unknown {
  expect(reference.startsWith('#/'), reference).toBe(true);
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
}

test('every operation is in the document once, with its success and its failures', () => {
  const described = Object.values(paths).flatMap((path) => Object.values(path));
  expect(described.map((entry) => entry.operationId).sort()).toEqual(Object.keys(operations).sort());
  for (const [name, { method, path, status }] of Object.entries(operations)) {
    const entry = paths[path][method.toLowerCase()];
    expect(entry.operationId).toBe(name);
    expect(Object.keys(entry.responses).sort()).toEqual([String(status), 'default']);
  }
});

test('every reference resolves', () => {
  const all = references(document);
  expect(all).toContain('#/components/schemas/Error');
  expect(all).toContain('#/components/schemas/Room');
  for (const reference of all) expect(resolve(reference), reference).toBeTypeOf('object');
});

test('the parameters of every path are declared, and no others', () => {
  for (const [path, methods] of Object.entries(paths)) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const { parameters } of Object.values(methods)) {
      const declared = parameters.filter((parameter) => parameter.in === 'path');
      expect(declared.map((parameter) => parameter.name)).toEqual(named);
      expect(declared.every((parameter) => parameter.required)).toBe(true);
    }
  }
});

test('query fields with a default are optional, bodies are required where a field is', () => {
  const list = paths['/v1/rooms'].get.parameters;
  expect(list.map(({ name, required }) => ({ name, required }))).toEqual([
    { name: 'limit', required: false },
    { name: 'cursor', required: false },
    { name: 'areaId', required: false },
  ]);
  expect(paths['/v1/sessions'].post.requestBody?.required).toBe(true);
  expect(paths['/v1/rooms'].post.requestBody?.required).toBe(false);
});

test('who needs no sign-in is said', () => {
  expect(paths['/v1/rooms'].get.security).toEqual([{}]);
  expect(paths['/v1/rooms'].post.security).toEqual([{ bearer: [] }, { session: [] }]);
});

test('no local definitions and no JSON-schema header stay behind', () => {
  expect(JSON.stringify(document)).not.toMatch(/\$defs|"\$schema"/);
});
