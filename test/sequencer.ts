import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take longest in their project, longest first: what begins last must not be what ends last. */
const LONG = [
  'lib/eventlog/postgres.test.ts',
  'services/access/edge/fifty-days.test.ts',
  'lib/jobs/takeover.test.ts',
  'lib/jobs/shards-takeover.test.ts',
  'lib/jobs/shards-chaos.test.ts',
  'lib/jobs/plans.test.ts',
  'bench/jobs.test.ts',
  'services/application/room/reader/reader.test.ts',
  'lib/eventlog/kafka.engine.test.ts',
  'test/scenario/fleet.engine.test.ts',
  'services/application/room/ongoing/scale.engine.test.ts',
  'lib/cache/levels.engine.test.ts',
  'lib/coord/etcd.engine.test.ts',
  'lib/coord/etcd-faults.engine.test.ts',
];

/** The order of vitest (earlier durations, then sizes), but for the files that are known to be long. */
export default class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config;
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.indexOf(relative(root, moduleId));
      return at < 0 ? LONG.length : at;
    };
    const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    return (await super.sort(files)).toSorted((a, b) => group(a) - group(b) || rank(a) - rank(b));
  }
}
