import type { Author } from '@gala/lib/records';
import type { Area } from '@gala/protocol/rest';
import type { Area as WireArea } from '@gala/protocol/catalog';
import type { Call, Handlers } from './call.ts';
import { byOf } from './access.ts';
import type { Parts } from './parts.ts';

type AreaOperation = 'listAreas' | 'putArea' | 'orderAreas' | 'retireArea';

/** What rooms are found by; the room service keeps who changed it and why. */
export function catalogHandlers(parts: Parts): Pick<Handlers, AreaOperation> {
  return { ...areaHandlers(parts) };
}

function areaHandlers({ catalog }: Parts): Pick<Handlers, AreaOperation> {
  return {
    listAreas: async ({ rpc }) => {
      const { areas } = await catalog.listAreas({}, rpc);
      return { body: { areas: areas.map(restArea) }, cacheControl: 'public, max-age=1' };
    },
    putArea: async (call) => {
      const { en: nameEn, zh: nameZh } = call.body.names;
      const { areaId } = call.params;
      await catalog.putArea({ areaId, nameEn, nameZh, author: await authorOf(call) }, call.rpc);
      return { body: undefined };
    },
    orderAreas: async (call) => {
      await catalog.orderAreas({ areaIds: call.body.areaIds, author: await authorOf(call) }, call.rpc);
      return { body: undefined };
    },
    retireArea: async (call) => {
      const { areaId } = call.params;
      await catalog.retireArea({ areaId, author: await authorOf(call) }, call.rpc);
      return { body: undefined };
    },
  };
}

async function authorOf({
  caller,
  body,
}: Pick<Call, 'caller'> & { readonly body: { readonly reason: string } }): Promise<Author> {
  return { by: await byOf(caller), reason: body.reason };
}

function restArea({ areaId, nameEn, nameZh, retired, rooms }: WireArea): Area {
  return { areaId, names: { en: nameEn, zh: nameZh }, isRetired: retired, rooms };
}
