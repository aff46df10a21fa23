import {
  operations,
  schemas,
  type BodyOf,
  type OperationName,
  type QueryOf,
  type ResponseOf,
} from '@gala/protocol/rest';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Buffer;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface CallInput<Name extends OperationName> {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: QueryOf<Name>;
  readonly body?: BodyOf<Name>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer<Name extends OperationName> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Of a success; checked against the schema of the table. */
  readonly body: ResponseOf<Name>;
  /** Of a refusal; undefined on success. */
  readonly code: string | undefined;
  readonly detail: string | undefined;
}

/** Sends exactly these bytes and headers; nothing is followed, kept or added but Content-Length. */
export async function send(
  port: number,
  { method = 'GET', path, headers, body }: RawRequest,
): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false });
  request.on('error', reject);
  request.on('response', (response) => {
    buffer(response).then(
      (bytes) =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: bytes.toString() }),
      reject,
    );
  });
  request.end(body);
  return promise;
}

/**
 * Calls operations over a real socket as one client: its own address (by X-Forwarded-For), its credentials.
 * Every answer is checked against the table: status, schema with no field more, error shape.
 */
export class TestClient {
  /** Operations that were answered with success by any client of this test file. */
  static readonly exercised = new Set<OperationName>();
  static #addresses = 0;
  readonly port: number;
  readonly basePath: string;
  readonly #headers: Record<string, string>;

  constructor(port: number, { token, basePath = '' }: { token?: string; basePath?: string } = {}) {
    this.port = port;
    this.basePath = basePath;
    const address = TestClient.#addresses++;
    this.#headers = { 'X-Forwarded-For': `10.${address >> 16}.${(address >> 8) & 255}.${address & 255}` };
    if (token) this.#headers.Authorization = `Bearer ${token}`;
  }

  /** The same client with a session cookie, and with the CSRF header unless it is left out. */
  withSession(setCookie: string, csrfToken?: string): TestClient {
    const client = new TestClient(this.port, { basePath: this.basePath });
    client.#headers.Cookie = setCookie.split(';', 1)[0];
    if (csrfToken !== undefined) client.#headers['X-Gala-Csrf'] = csrfToken;
    return client;
  }

  raw(request: RawRequest): Promise<RawAnswer> {
    return send(this.port, { ...request, headers: { ...this.#headers, ...request.headers } });
  }

  async call<Name extends OperationName>(name: Name, input: CallInput<Name> = {}): Promise<Answer<Name>> {
    const { method, path } = operations[name];
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, key: string) =>
      encodeURIComponent(String(input.params?.[key])),
    );
    const query = input.query ? `?${new URLSearchParams(input.query).toString()}` : '';
    const body = input.body === undefined ? undefined : JSON.stringify(input.body);
    const headers = { ...(body && { 'Content-Type': 'application/json' }), ...input.headers };
    const answer = await this.raw({ method, path: this.basePath + filled + query, headers, body });
    return answer.status < 400 ? success(name, answer) : refusal(answer);
  }
}

/** Of every host that `createTestHost` makes. */
export const password = 'correct horse battery';

/** A new host with a signed-in browser. */
export async function createTestHost(operator: TestClient, name: string) {
  const { body, code } = await operator.call('createHost', {
    body: { name, password, title: `Show ${name}` },
  });
  if (code) throw new Error(`createHost: ${code}`);
  const { host, streamKey } = body;
  return { name, hostId: host.hostId, streamKey, ...(await signInTestHost(operator, name)) };
}

/** One more browser of the host, at an address of its own. */
export async function signInTestHost({ port, basePath }: TestClient, name: string) {
  const client = new TestClient(port, { basePath });
  const { body, code, headers } = await client.call('signIn', { body: { name, password } });
  if (code) throw new Error(`signIn: ${code}`);
  const [setCookie] = headers['set-cookie'] ?? [];
  const { csrfToken } = body;
  const sessionToken = /=([^;]+)/.exec(setCookie)?.[1] ?? '';
  return { setCookie, csrfToken, sessionToken, session: client.withSession(setCookie, csrfToken) };
}

function success<Name extends OperationName>(name: Name, { status, headers, text }: RawAnswer): Answer<Name> {
  const operation: (typeof operations)[OperationName] = operations[name];
  if (status !== operation.status)
    throw new Error(`${name} answered ${status} instead of ${operation.status}`);
  TestClient.exercised.add(name);
  const schema = 'response' in operation ? operation.response : undefined;
  if (!schema) {
    if (text !== '') throw new Error(`${name} answered a body: ${text}`);
    return { status, headers, body: undefined as ResponseOf<Name>, code: undefined, detail: undefined };
  }
  const sent: unknown = JSON.parse(text);
  const body = schema.parse(sent);
  if (canonical(body) !== canonical(sent))
    throw new Error(`${name} answered more than its schema has: ${text}`);
  return { status, headers, body: body as ResponseOf<Name>, code: undefined, detail: undefined };
}

function refusal<Name extends OperationName>({ status, headers, text }: RawAnswer): Answer<Name> {
  const { error } = schemas.errorBody.parse(JSON.parse(text));
  return { status, headers, body: undefined as ResponseOf<Name>, code: error.code, detail: error.detail };
}

/** JSON with sorted keys: two values are the same when their texts are. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
