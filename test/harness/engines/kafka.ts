import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureKafka } from '../../../cli/tasks/kafka.ts';
import { enginePath } from '../../engines.ts';
import { freePort } from '../gala.ts';
import { EngineProcess } from './engine-process.ts';

/** A small heap and a quick start rather than throughput. */
const javaOptions = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const clusterId = 'Z2FsYS1ldmVudC1sb2ctdA';
const startMsMax = 60_000;

/** A cluster of brokers that are controllers as well (KRaft), each a process on a folder and port of its own. */
export class KafkaCluster implements AsyncDisposable {
  readonly brokers: readonly EngineProcess[];
  readonly #folder: string;

  constructor(folder: string, brokers: readonly EngineProcess[]) {
    this.#folder = folder;
    this.brokers = brokers;
  }

  /** `host:port` of each, for clients. */
  get addresses(): string[] {
    return this.brokers.map(({ port }) => `127.0.0.1:${port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.kill()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Whom the brokers let in, by PLAIN or SCRAM-SHA-512. */
export interface KafkaUser {
  readonly name: string;
  readonly password: string;
}

export interface KafkaOptions {
  readonly brokers?: number;
  /** Without one they ask for none. */
  readonly user?: KafkaUser;
}

/** Starts one broker, or several as one cluster. A broker that is killed starts again where it was. */
export async function startKafka({ brokers: count = 1, user }: KafkaOptions = {}): Promise<KafkaCluster> {
  const jars = await ensureKafka();
  if (!jars) throw new Error('Kafka is not here and could not be fetched (mvn, java)');
  const folder = await mkdtemp(join(tmpdir(), 'gala-kafka-'));
  const nodes = await Promise.all(
    Array.from({ length: count }, async (_, index) => ({
      id: index + 1,
      port: await freePort(),
      controllerPort: await freePort(),
      folder: join(folder, String(index + 1)),
    })),
  );
  const voters = nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(',');
  const brokers = await Promise.all(
    nodes.map(async (node) => {
      const java = [...javaOptions, '-cp', `${jars}/*`];
      const settings = await format(node, { java, voters, count, user });
      const args = [...java, 'kafka.Kafka', settings];
      return new EngineProcess({
        program: enginePath('java'),
        args,
        cwd: node.folder,
        port: node.port,
        startMsMax,
      });
    }),
  );
  const cluster = new KafkaCluster(folder, brokers);
  try {
    await Promise.all(brokers.map((broker) => broker.start()));
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

interface Node {
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
  readonly folder: string;
}

interface ClusterOptions {
  readonly java: readonly string[];
  readonly voters: string;
  readonly count: number;
  readonly user: KafkaUser | undefined;
}

/** Writes a node's settings and prepares its folder; the path of the settings. */
async function format(node: Node, options: ClusterOptions): Promise<string> {
  const { java, user } = options;
  await mkdir(node.folder, { recursive: true });
  const path = join(node.folder, 'server.properties');
  await writeFile(path, propertiesOf(node, options));
  const args = [...java, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', path];
  if (user) args.push('--add-scram', `SCRAM-SHA-512=[name=${user.name},password=${user.password}]`);
  await promisify(execFile)(enginePath('java'), args, { cwd: node.folder });
  return path;
}

function propertiesOf(node: Node, { voters, count, user }: ClusterOptions): string {
  const listener = user ? 'SASL_PLAINTEXT' : 'PLAINTEXT';
  const client = `${listener}://127.0.0.1:${node.port}`;
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'controller.quorum.voters': voters,
    'controller.listener.names': 'CONTROLLER',
    listeners: `${client},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    'advertised.listeners': client,
    'inter.broker.listener.name': listener,
    'listener.security.protocol.map': `CONTROLLER:PLAINTEXT,${listener}:${listener}`,
    ...(user && signInOf(user)),
    'log.dirs': join(node.folder, 'data'),
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': count,
    'offsets.topic.num.partitions': 3,
    'num.network.threads': 2,
    'num.io.threads': 2,
    // Retention is looked after often enough for a test to see it.
    'log.retention.check.interval.ms': 500,
    'log.initial.task.delay.ms': 500,
    'log.segment.delete.delay.ms': 500,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function signInOf({ name, password }: KafkaUser): Record<string, string> {
  const module = 'org.apache.kafka.common.security';
  const own = `username="${name}" password="${password}"`;
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-512',
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config': `${module}.plain.PlainLoginModule required ${own} user_${name}="${password}";`,
    'listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
  };
}
