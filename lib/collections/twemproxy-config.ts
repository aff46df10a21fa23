/** A shard as a proxy knows it. */
export interface Shard {
  /** It, and not the address, decides which keys lie there: after a fail-over they lie there still. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface TwemproxyConfigOptions {
  /** `host:port` of the proxy itself. */
  readonly listen: string;
  /** In the same order on all proxies. */
  readonly shards: readonly Shard[];
  readonly password?: string;
  /** Less than the client's own limit: the proxy then says which shard is silent, rather than seem to be it. */
  readonly timeoutMs: number;
}

/**
 * Configuration file of one Twemproxy. Nothing is ejected: a key would lie on another shard meanwhile, and its old
 * value come back with the shard.
 */
export function twemproxyConfig({ listen, shards, password, timeoutMs }: TwemproxyConfigOptions): string {
  const servers = shards.map(({ name, host, port }) => `   - ${host}:${port}:1 ${name}\n`).join('');
  // JSON text is YAML text, whatever stands in the password.
  const auth = password === undefined ? '' : `  redis_auth: ${JSON.stringify(password)}\n`;
  return `gala:
  listen: ${listen}
  redis: true
  hash: fnv1a_64
  hash_tag: "{}"
  distribution: ketama
  auto_eject_hosts: false
  preconnect: true
  backlog: 1024
  timeout: ${timeoutMs}
${auth}  servers:
${servers}`;
}
