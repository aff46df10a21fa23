import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import { findEngine } from './engines.ts';

const version = '4.1.0';
const artifact = 'kafka_2.13';

/** The broker as Maven Central has it, kept outside the repository; `ENGINE_KAFKA` names another folder of jars. */
export function kafkaFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return process.env['ENGINE_KAFKA'] ?? join(cache, 'gala', `${artifact}-${version}`);
}

/** The folder of jars, fetched when it is not there (43 MB, once); undefined when that cannot be. */
export async function ensureKafka(): Promise<string | undefined> {
  const folder = kafkaFolder();
  if (existsSync(folder)) return folder;
  const mvn = findEngine('mvn');
  if (!mvn || !findEngine('java')) return undefined;
  // Whole or not at all, whoever else fetches it at the same time.
  const part = `${folder}.${randomUUID()}`;
  await mkdir(part, { recursive: true });
  try {
    await writeFile(join(part, 'pom.xml'), pom);
    const args = ['-q', '-B', '-f', join(part, 'pom.xml'), 'dependency:copy-dependencies'];
    const code = await run(mvn, [...args, `-DoutputDirectory=${join(part, 'jars')}`], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (code !== 0) return undefined;
    await mkdir(dirname(folder), { recursive: true });
    await rename(join(part, 'jars'), folder).catch(() => undefined);
    return existsSync(folder) ? folder : undefined;
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

const pom = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>gala</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>${artifact}</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`;
