import type { Context, Role } from '@gala/lib/lifecycle';
import { Switches } from '@gala/lib/switches';
import { AccountService } from '@gala/protocol/account';
import { CatalogService } from '@gala/protocol/catalog';
import { EdgeService } from '@gala/protocol/edge';
import { operations, type OperationName } from '@gala/protocol/rest';
import { InteractionService } from '@gala/protocol/interaction';
import { ModerationService } from '@gala/protocol/moderation';
import { RoomService } from '@gala/protocol/room';
import * as settings from '@gala/protocol/settings';
import { SignalService } from '@gala/protocol/signal';
import { SchedulerService } from '@gala/protocol/scheduler';
import { TraceService } from '@gala/protocol/trace';
import { Api } from './api.ts';
import { readConfig } from './config.ts';
import { createEvents } from './events.ts';
import { Limits } from './limits.ts';
import { openApiDocument, openApiHandler } from './openapi.ts';
import type { Parts } from './parts.ts';
import { Router } from './router.ts';
import { createHandlers } from './routes.ts';
import { Spread } from './spread.ts';
import { Web } from './web.ts';

export { gatewaySection } from './config.ts';

/** HTTP front door: REST `/v1`, its OpenAPI document and the web pages, on the listener `web`. */
export const role: Role = { name: 'gateway', start };

async function start(context: Context): Promise<AsyncDisposable> {
  const listener = await context.listener('web');
  const admin = await context.listener('admin');
  const config = readConfig(context.settings);
  const { coord, clock } = context;
  const { switchesKey: key, switchTable: table, switchSettings } = settings;
  const parse = (value: unknown) => switchSettings.parse(value);
  const switches = await Switches.open({ coord, clock, key, table, parse });
  const parts: Parts = {
    switches,
    account: context.rpc.client(AccountService),
    room: context.rpc.client(RoomService),
    catalog: context.rpc.client(CatalogService),
    scheduler: context.rpc.client(SchedulerService),
    moderation: new Spread(context.rpc, ModerationService),
    interaction: new Spread(context.rpc, InteractionService),
    signals: new Spread(context.rpc, SignalService),
    edges: new Spread(context.rpc, EdgeService),
    traces: new Spread(context.rpc, TraceService),
    config,
    clock,
    tracer: context.tracer,
    events: createEvents(context.logger, context.metrics),
  };
  const web = new Web(config);
  if (!(await web.isBuilt()))
    context.logger.warn({ folder: config.webFolder }, 'the web pages are not built');
  const api = createApi(context, parts);
  const unmounts = [
    listener.mount(`${config.basePath}/v1/openapi.json`, openApi(parts)),
    listener.mount(`${config.basePath}/v1`, api.handlerOn(listener)),
    // For the tools of this machine: plain HTTP whatever the certificate and name of the public door.
    admin.mount(`${config.basePath}/v1`, api.handlerOn(admin)),
    listener.mount(`${config.basePath}/`, web.handle),
  ];
  return {
    [Symbol.asyncDispose]: async () => {
      for (const unmount of unmounts.reverse()) unmount();
      await switches[Symbol.asyncDispose]();
    },
  };
}

function createApi(context: Context, parts: Parts): Api {
  const limits = new Limits(parts.config.limits, parts.clock);
  limits.register(context.metrics);
  const seconds = context.metrics.histogram(
    'gala_gateway_request_seconds',
    'time to answer a request of /v1',
  );
  return new Api({
    parts,
    handlers: createHandlers(parts),
    router: new Router<OperationName>(operations),
    limits,
    observeSeconds: (value) => seconds.observe(value),
  });
}

function openApi({ config }: Parts) {
  const { basePath, cookie } = config;
  return openApiHandler(openApiDocument({ operations, serverUrl: basePath || '/', cookieName: cookie.name }));
}
