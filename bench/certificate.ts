/** The certificate for TLS rows. */
import { appendFile, readFile, rm } from 'node:fs/promises';

import { cached } from './cache.ts';
import { run } from './process.ts';

/** Path of a PEM file with a key and its self-signed certificate (RSA 2048, ten years), kept in the cache. */
export async function certificate(): Promise<string> {
  return cached('certificate.pem', async (path) => {
    const made = ['-newkey', 'rsa:2048', '-nodes', '-keyout', path, '-out', `${path}.crt`];
    await run('openssl', [
      'req',
      '-x509',
      ...made,
      '-days',
      '3650',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
    ]);
    await appendFile(path, await readFile(`${path}.crt`));
    await rm(`${path}.crt`);
  });
}
