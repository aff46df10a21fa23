import type { Author } from '@gala/lib/records';
import { CodedError } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import type { Area, HostPage, SiteNotice } from '@gala/protocol/rest';
import type { Area as WireArea, SiteNotice as WireNotice } from '@gala/protocol/catalog';
import { byOf, checkMayWatch } from './access.ts';
import type { Call, Handlers, Reply } from './call.ts';
import { restHost, restRoom } from './conversions.ts';
import { hostIdOf } from './enter.ts';
import { playsOf } from './plays.ts';
import type { Parts } from './parts.ts';

type SiteOperation = 'listComingRooms' | 'getHostPage' | 'getSiteNotice' | 'putSiteNotice';
type AreaOperation = 'listAreas' | 'putArea' | 'orderAreas' | 'retireArea';

/** What rooms are found by; the room service keeps who changed it and why. */
export function catalogHandlers(parts: Parts): Pick<Handlers, AreaOperation | SiteOperation> {
  return { ...areaHandlers(parts), ...siteHandlers(parts) };
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

function siteHandlers(parts: Parts): Pick<Handlers, SiteOperation> {
  const { catalog } = parts;
  return {
    listComingRooms: async ({ query, rpc }) => {
      const { rooms } = await catalog.listComing(query, rpc);
      return { body: { rooms: rooms.map(restRoom) }, cacheControl: 'public, max-age=1' };
    },
    getHostPage: (call) => hostPage(parts, call),
    getSiteNotice: async ({ rpc }) => {
      const { notice } = await catalog.getSiteNotice({}, rpc);
      const body = notice ? { notice: restNotice(notice) } : {};
      return { body, cacheControl: 'public, max-age=5' };
    },
    putSiteNotice: async (call) => {
      const { texts, untilMs = 0 } = call.body;
      const notice = { textEn: texts.en, textZh: texts.zh, untilMs: BigInt(untilMs) };
      await catalog.putSiteNotice({ notice, author: await authorOf(call) }, call.rpc);
      return { body: undefined };
    },
  };
}

/** ROOM_PRIVATE for strangers to a private host: what he tells is for those who may watch. */
async function hostPage(
  parts: Parts,
  call: Pick<Call<'getHostPage'>, 'params' | 'visitor' | 'rpc'>,
): Promise<Reply<HostPage>> {
  const hostId = BigInt(await hostIdOf(parts, call));
  const [{ host }, present] = await Promise.all([
    parts.room.getHost({ hostId }, call.rpc),
    parts.room.getPresentRoom({ hostId }, call.rpc),
  ]);
  if (!host) throw new CodedError(protocolErrors, 'HOST_UNKNOWN');
  const shown = restHost(host);
  if (shown.visibility === 'private') checkMayWatch(await call.visitor(), shown);
  const room = present.room && restRoom(present.room);
  const isShown = room && room.state !== 'ended' && room.visibility === shown.visibility;
  const plays = isShown ? await playsOf(parts, call, room.roomId) : undefined;
  return { body: { host: shown, ...(isShown && { room }), ...(plays !== undefined && { plays }) } };
}

function restNotice({ textEn, textZh, version, untilMs }: WireNotice): SiteNotice {
  const texts = { en: textEn, zh: textZh };
  return { texts, version: Number(version), ...(untilMs && { untilMs: Number(untilMs) }) };
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
