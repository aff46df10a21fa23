import type { Settings } from '../config/index.ts';
import type { Probe } from '../probe/index.ts';
import { coordSection, etcdAccess, type CoordConfig } from './config.ts';

/** Of each member of etcd; nothing where the core database is the engine, which is looked at by itself. */
export function coordProbes(settings: Settings): Probe[] {
  const config = settings.get(coordSection);
  if (config.engine !== 'etcd') return [];
  return config.endpoints.map((address) => ({
    engine: 'etcd',
    feature: 'coordination',
    address,
    prepare: loadClient,
    ask: () => askMember(config, address),
  }));
}

const loadClient = () => import('./etcd-client.ts');

async function askMember(config: CoordConfig, address: string): Promise<string> {
  const { EtcdLink } = await loadClient();
  const link = new EtcdLink(address, await etcdAccess(config));
  try {
    // It names alarms and the want of a leader among its errors.
    const { version, dbSize, errors } = await link.maintenance.status();
    if (errors.length > 0) throw new Error(errors.join('; '));
    return `${version}, ${Math.ceil(Number(dbSize) / 1024 / 1024)} MB`;
  } finally {
    link.close();
  }
}
