import { forgetOld, Planner, Plans, ShardViews, type PlanDefinition } from '@gala/lib/jobs';
import type { Context, Role } from '@gala/lib/lifecycle';
import { SchedulerService } from '@gala/protocol/scheduler';
import { SchedulerEvents } from './events.ts';
import { createHandlers } from './routes.ts';

const forgetting: PlanDefinition = {
  name: 'scheduler.forget',
  kind: 'scheduler.forget',
  schedule: { kind: 'cron', pattern: '17 4 * * *', timeZone: 'UTC' },
};

/** Begins the runs of plans, and shows and steers jobs. Workers are wherever a role handles them (`lib/jobs`). */
export const role: Role = {
  name: 'scheduler',
  async start(context) {
    await using started = new AsyncDisposableStack();
    const { pool } = context.sql.core();
    started.use(context.jobs.handle(forgetting.kind, {}, (job) => forgetOld(pool, job)));
    await context.jobs.plan(forgetting);
    started.use(new Planner({ ...context, database: context.sql.core() }));
    started.use(await context.rpc.serve(SchedulerService, createHandlers(partsOf(context))));
    return started.move();
  },
};

function partsOf({ sql, coord, jobs, logger, metrics }: Context) {
  const database = sql.core();
  return {
    jobs,
    plans: new Plans(database),
    shards: new ShardViews({ database, coord }),
    events: new SchedulerEvents(logger, metrics),
  };
}
