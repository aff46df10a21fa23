import { CodedError } from '@gala/lib/error';
import { respondJson, type RequestHandler } from '@gala/lib/http';
import { protocolErrors } from '@gala/protocol/errors';
import { schemas, type Operation } from '@gala/protocol/rest';
import { z } from 'zod';

type Json = Record<string, unknown>;

export interface OpenApiOptions {
  readonly operations: Readonly<Record<string, Operation>>;
  /** Where the paths of the table begin, for `servers`: the base path, or `/`. */
  readonly serverUrl: string;
  readonly cookieName: string;
}

/** Of the interface, not of the software: `/v1` only ever grows. */
const interfaceVersion = '1.0.0';

/**
 * The OpenAPI 3.1 document of an operations table. Schemas with `.meta({ id })` become components;
 * answers stay open objects, since a field more is no breaking change.
 */
export function openApiDocument({ operations, serverUrl, cookieName }: OpenApiOptions): Json {
  const components: Record<string, Json> = {};
  const paths: Record<string, Json> = {};
  for (const [name, operation] of Object.entries(operations)) {
    const path = (paths[operation.path] ??= {});
    path[operation.method.toLowerCase()] = describe(name, operation, components);
  }
  hoist(z.toJSONSchema(schemas.errorBody, { override: openObjects }), components);
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Gala',
      version: interfaceVersion,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: serverUrl }],
    paths,
    components: { schemas: components, securitySchemes: securitySchemes(cookieName) },
  };
}

/** Serves the document to pages of any origin. */
export function openApiHandler(document: Json): RequestHandler {
  const headers = { 'Access-Control-Allow-Origin': '*', 'Cache-Control': 'public, max-age=60' };
  return (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD')
      return respondJson(response, document, { headers });
    response.setHeader('Allow', 'GET, HEAD');
    throw new CodedError(protocolErrors, 'METHOD_NOT_ALLOWED');
  };
}

function securitySchemes(cookieName: string): Json {
  const description = 'The session of a browser; changes repeat its csrfToken in the header X-Gala-Csrf';
  return {
    bearer: { type: 'http', scheme: 'bearer', description: 'An API token, or the operator token' },
    session: { type: 'apiKey', in: 'cookie', name: cookieName, description },
  };
}

function describe(name: string, operation: Operation, components: Record<string, Json>): Json {
  return {
    operationId: name,
    summary: operation.summary,
    'x-gala-access': operation.access,
    ...(operation.scope && { 'x-gala-scope': operation.scope }),
    security: operation.access === 'anyone' ? [{}] : [{ bearer: [] }, { session: [] }],
    parameters: [...pathParameters(operation), ...queryParameters(operation)],
    ...(operation.body && { requestBody: requestBody(operation.body, components) }),
    responses: responses(operation, components),
  };
}

function pathParameters({ path }: Operation): Json[] {
  const known: Readonly<Record<string, z.ZodType>> = schemas.pathParameters;
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => {
    const { $schema: _, ...schema } = z.toJSONSchema(known[name]);
    return { name, in: 'path', required: true, schema };
  });
}

function queryParameters({ query }: Operation): Json[] {
  if (!query) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input' });
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

function requestBody(body: z.ZodObject, components: Record<string, Json>): Json {
  const schema = hoist(z.toJSONSchema(body, { io: 'input' }), components);
  const required = !body.safeParse({}).success;
  return { required, content: { 'application/json': { schema } } };
}

function responses({ status, response }: Operation, components: Record<string, Json>): Json {
  const error = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  const schema = response && hoist(z.toJSONSchema(response, { override: openObjects }), components);
  return {
    [status]: { description: 'Done', ...(schema && { content: { 'application/json': { schema } } }) },
    default: { description: 'Refused or failed; `error.code` says why', content: error },
  };
}

function openObjects({ jsonSchema }: { jsonSchema: { additionalProperties?: unknown } }): void {
  delete jsonSchema.additionalProperties;
}

/** Moves the named schemas out to the components and points the references there. */
function hoist(root: Json, components: Record<string, Json>): Json {
  const { $schema: _, $defs = {}, ...schema } = root;
  for (const [id, definition] of Object.entries($defs as Record<string, Json>)) {
    const { id: _id, ...body } = repoint(definition) as Json;
    components[id] = body;
  }
  return repoint(schema) as Json;
}

function repoint(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(repoint);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [
    key,
    key === '$ref' ? String(inner).replace('#/$defs/', '#/components/schemas/') : repoint(inner),
  ]);
  return Object.fromEntries(entries);
}
