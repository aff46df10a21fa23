import { readFile, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { arch, platform, release } from 'node:os';
import { Client } from 'pg';
import { embeddedUrl } from '@gala/lib/sql';
import type { Settings } from '@gala/lib/config';
import { probeAll } from '@gala/lib/probe';
import { rtmpSection } from '@gala/services/access/edge';
import { dataFolderPath, readSupervisorRecord } from './data-folder.ts';
import { externalUrl } from './database.ts';
import { engineProbes } from './engines.ts';
import { adminSection, httpSection, liveSection, readSettings } from './settings.ts';

/** What one look found: fine, worth a change, or in the way. */
interface Finding {
  readonly level: 'ok' | 'warn' | 'fail';
  readonly text: string;
}

/** With a larger default every stuck viewer pins that much kernel memory before we see back-pressure. */
const sendBufferBytesMax = 1024 * 1024;
const diskFreeRatioMin = 0.15;
const skewMs = { warn: 1_000, fail: 30_000 };
const descriptorsMin = 16_384;

/** `gala doctor`: looks without changing anything; ends with 1 when something is in the way. */
export async function doctor(): Promise<void> {
  const settings = readSettings();
  const dataFolder = dataFolderPath();
  const isRunning = (await readSupervisorRecord(dataFolder)) !== undefined;
  const findings = [
    { level: 'ok', text: `Node ${process.version} on ${platform()}-${arch()} ${release()}` } as const,
    ...(isRunning ? [] : await checkPorts(settings)),
    await checkSendBuffer(),
    await checkDescriptors(),
    await checkDisk(dataFolder),
    await checkDatabase(settings, dataFolder),
    ...(await checkEngines(settings)),
  ];
  for (const { level, text } of findings) console.log(`${level.padEnd(4)}  ${text}`);
  if (findings.some(({ level }) => level === 'fail')) process.exitCode = 1;
}

async function checkPorts(settings: Settings): Promise<Finding[]> {
  const sections = [httpSection, liveSection, adminSection, rtmpSection] as const;
  return Promise.all(
    sections.map(async (section) => {
      const { host, port } = settings.get(section);
      const taken = port !== 0 && !(await isFree(host, port));
      const variable = `GALA_${section.name.toUpperCase()}_PORT`;
      if (taken)
        return {
          level: 'fail',
          text: `port ${port} is taken; set ${section.name}.port (${variable})`,
        } as const;
      return { level: 'ok', text: `port ${port} is free for ${section.name}` } as const;
    }),
  );
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

async function checkSendBuffer(): Promise<Finding> {
  const text = await readFile('/proc/sys/net/ipv4/tcp_wmem', 'utf8').catch(() => undefined);
  const bytesMax = Number(text?.trim().split(/\s+/)[2]);
  if (!text || bytesMax <= sendBufferBytesMax)
    return { level: 'ok', text: 'kernel send buffers are bounded' };
  return {
    level: 'warn',
    text: `a stuck viewer may pin ${Math.round(bytesMax / 1024)} KiB of kernel memory; sysctl -w net.ipv4.tcp_wmem="4096 16384 131072"`,
  };
}

async function checkDescriptors(): Promise<Finding> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const count = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? descriptorsMin);
  const level = count < descriptorsMin ? 'warn' : 'ok';
  return {
    level,
    text: `${count} file descriptors a process${level === 'warn' ? `; ulimit -n ${descriptorsMin}` : ''}`,
  };
}

async function checkDisk(dataFolder: string): Promise<Finding> {
  const stats = await statfs(dataFolder).catch(() => statfs('.'));
  const freeRatio = stats.bavail / stats.blocks;
  const text = `${Math.round(freeRatio * 100)} % of the disk is free`;
  return { level: freeRatio < diskFreeRatioMin ? 'warn' : 'ok', text };
}

async function checkDatabase(settings: Settings, dataFolder: string): Promise<Finding> {
  const url = externalUrl(settings) ?? (await embeddedUrl(dataFolder, 'postgres').catch(() => undefined));
  if (!url) return { level: 'ok', text: 'the embedded database is not running' };
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ now: string; version: string }>(
      `select extract(epoch from clock_timestamp()) * 1000 as now, current_setting('server_version') as version`,
    );
    return judgeClock(Math.abs(Date.now() - Number(rows[0].now)), rows[0].version);
  } catch (error) {
    return { level: 'fail', text: `the database does not answer: ${(error as Error).message}` };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** What an installation goes on without is worth a change, and not in the way; coordination is in the way when none answers. */
async function checkEngines(settings: Settings): Promise<Finding[]> {
  const results = await probeAll(engineProbes(settings));
  const isVital = (engine: string): boolean =>
    engine === 'etcd' && !results.some((each) => each.engine === engine && each.up);
  return results.map(({ engine, feature, address, up, says, answerMs }) => {
    const name = `${engine} at ${address} (${feature})`;
    if (up) return { level: 'ok', text: `${name}: ${says}, answers in ${Math.round(answerMs)} ms` };
    return { level: isVital(engine) ? 'fail' : 'warn', text: `${name} is not up: ${says}` };
  });
}

function judgeClock(ms: number, version: string): Finding {
  const level = ms > skewMs.fail ? 'fail' : ms > skewMs.warn ? 'warn' : 'ok';
  return { level, text: `PostgreSQL ${version}, its clock differs by ${Math.round(ms)} ms` };
}
