import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Settings } from '@gala/lib/config';
import { listen, respondJson, type HttpListener } from '@gala/lib/http';
import type { Logger } from '@gala/lib/logger';
import { mergeMetrics, type Metrics } from '@gala/lib/metrics';
import type { Child } from './child.ts';
import { hotKeysOf } from './hot-keys.ts';
import { adminSection } from './settings.ts';

const forwardMs = 10_000;

export interface AdminOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly children: readonly Child[];
  readonly databaseState: () => 'running' | 'restarting' | 'external';
}

/** The supervisor's own door, on loopback by default: `/healthz`, `/status`, `/hot-keys`, `/metrics` of all processes, and REST. */
export async function openAdmin(options: AdminOptions): Promise<HttpListener> {
  const { host, port } = options.settings.get(adminSection);
  const { logger, metrics } = options;
  const portSetting = 'admin.port (GALA_ADMIN_PORT)';
  const listener = await listen({ name: 'admin', host, port, portSetting, logger, metrics });
  listener.mount('/healthz', (_request, response) => answerHealth(options, response));
  listener.mount('/status', (_request, response) => respondJson(response, status(options)));
  listener.mount('/hot-keys', (_request, response) => void answerHotKeys(options, response));
  listener.mount('/processes', (request, response) => forwardToProcess(options, request, response));
  listener.mount('/v1', (request, response) => forwardToGateway(options, request, response));
  listener.mount('/metrics', (_request, response) => void answerMetrics(options, response));
  return listener;
}

function status({ children, databaseState }: AdminOptions): object {
  return {
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
    database: databaseState(),
    processes: children.map((child) => child.status()),
  };
}

/** Healthy while every process runs; a load balancer or an orchestrator asks. */
function answerHealth({ children, databaseState }: AdminOptions, response: ServerResponse): void {
  const waiting = children.map((child) => child.status()).filter(({ state }) => state !== 'running');
  const isHealthy = waiting.length === 0 && databaseState() !== 'restarting';
  const body = { healthy: isHealthy, waiting: waiting.map(({ name }) => name) };
  respondJson(response, body, { status: isHealthy ? 200 : 503 });
}

/** `/processes/<name>/<path>` is `<path>` on the admin listener of that process: `/processes/media/streams`. */
function forwardToProcess(
  { children }: AdminOptions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const [, name, path] = /^\/processes\/([a-z]+(?:-[0-9]+)?)(\/.*)$/.exec(request.url ?? '') ?? [];
  const found = children.map((child) => child.status()).find((each) => each.name === name);
  forward(request, response, { address: found?.addresses.admin, path });
}

/** REST, from whichever process has the gateway now. */
function forwardToGateway(
  { children }: AdminOptions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const found = children.map((child) => child.status()).find(({ roles }) => roles.includes('gateway'));
  forward(request, response, { address: found?.addresses.admin, path: request.url });
}

interface ForwardTarget {
  readonly address: string | undefined;
  readonly path: string | undefined;
}

function forward(request: IncomingMessage, response: ServerResponse, { address, path }: ForwardTarget): void {
  const fail = (): void => {
    const error = { code: 'UNAVAILABLE', message: 'the process does not answer' };
    if (response.headersSent) response.destroy();
    else respondJson(response, { error }, { status: 503 });
  };
  if (!address || !path) return fail();
  const { method, headers } = request;
  const onward = httpRequest(new URL(path, address), { method, headers, timeout: forwardMs }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('timeout', () => onward.destroy());
  onward.on('error', fail);
  request.pipe(onward);
}

async function answerHotKeys({ children }: AdminOptions, response: ServerResponse): Promise<void> {
  respondJson(response, { keys: await hotKeysOf(children.map((child) => child.status())) });
}

async function answerMetrics({ children, metrics }: AdminOptions, response: ServerResponse): Promise<void> {
  const parts = await Promise.all([metrics.json(), ...children.map((child) => child.metrics())]);
  const text = await mergeMetrics(parts);
  response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
}
