import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { CodedError } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import { httpErrors } from './errors.ts';

/** Paths of PEM files: the certificate chain, leaf first, and its private key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface CertificatePair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface CertificateOptions {
  readonly files: CertificateFiles;
  readonly logger: Logger;
  /** Called with each further pair that passed the check, for `server.setSecureContext`. */
  readonly onChange: (pair: CertificatePair) => void;
  /** Called when files changed into something that cannot be used; the pair in use stays. */
  readonly onRefused?: () => void;
  readonly intervalMs?: number;
}

export interface WatchedCertificate extends Disposable {
  /** The first pair. */
  readonly pair: CertificatePair;
}

const expiryWarningMs = 14 * 86_400_000;

/**
 * Reads a certificate and goes on looking for a newer one. It compares contents every 10 s, since file events
 * miss what `certbot` and Kubernetes do with symbolic links.
 * @throws CodedError TLS_INVALID when the first pair cannot be used.
 */
export async function watchCertificate(options: CertificateOptions): Promise<WatchedCertificate> {
  const { files, logger, intervalMs = 10_000 } = options;
  let tried = await readPair(files);
  checkPair(tried, logger);
  const look = async (): Promise<void> => {
    const pair = await readPair(files);
    if (pair.cert.equals(tried.cert) && pair.key.equals(tried.key)) return;
    tried = pair;
    checkPair(pair, logger);
    options.onChange(pair);
    logger.info({ cert: files.cert }, 'TLS certificate renewed');
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      options.onRefused?.();
      logger.error({ error }, 'TLS certificate not renewed, the one before stays in use');
    });
  }, intervalMs).unref();
  return { pair: tried, [Symbol.dispose]: () => clearInterval(timer) };
}

async function readPair({ cert, key }: CertificateFiles): Promise<CertificatePair> {
  try {
    return { cert: await readFile(cert), key: await readFile(key) };
  } catch (cause) {
    throw new CodedError(httpErrors, 'TLS_INVALID', { cause, detail: (cause as Error).message });
  }
}

function checkPair(pair: CertificatePair, logger: Logger): void {
  const leaf = parseLeaf(pair);
  if (!leaf.checkPrivateKey(createPrivateKey(pair.key))) {
    throw new CodedError(httpErrors, 'TLS_INVALID', { detail: 'the key does not belong to the certificate' });
  }
  const expiresAt = leaf.validToDate;
  if (expiresAt.getTime() - Date.now() < expiryWarningMs) {
    logger.warn({ expiresAt: expiresAt.toISOString() }, 'TLS certificate expires soon or has expired');
  }
}

function parseLeaf(pair: CertificatePair): X509Certificate {
  try {
    createSecureContext({ cert: pair.cert, key: pair.key });
    return new X509Certificate(pair.cert);
  } catch (cause) {
    throw new CodedError(httpErrors, 'TLS_INVALID', { cause, detail: (cause as Error).message });
  }
}
