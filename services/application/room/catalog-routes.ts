import { CodedError, hasCode } from '@gala/lib/error';
import type { Author } from '@gala/lib/records';
import { mapErrors, type Handlers } from '@gala/lib/rpc';
import type { CatalogService, Author as WireAuthor } from '@gala/protocol/catalog';
import { commonErrors } from '@gala/protocol/errors';
import type { Areas } from './areas.ts';
import type { ComingRooms } from './coming-rooms.ts';
import type { OngoingRooms } from './ongoing/ongoing-rooms.ts';
import { roomIdOf, toProtocolError, wireRoom } from './routes.ts';
import type { PlayCounts } from './plays/play-counts.ts';
import type { Programmes } from './programmes/programmes.ts';
import { programmeHandlers } from './programmes/routes.ts';
import type { SiteNotice } from './site-notice.ts';

const byCharactersMax = 64;
const reasonCharactersMax = 200;

export interface CatalogParts {
  readonly areas: Areas;
  readonly ongoing: OngoingRooms;
  readonly comingRooms: ComingRooms;
  readonly siteNotice: SiteNotice;
  readonly playCounts: PlayCounts;
  readonly programmes: Programmes;
}

type CatalogHandlers = Handlers<typeof CatalogService>;

/** Operations of the catalogue as calls of the domain. */
export function createCatalogHandlers(parts: CatalogParts): CatalogHandlers {
  return mapErrors(
    { ...areaHandlers(parts), ...siteHandlers(parts), ...programmeHandlers(parts.programmes) },
    toCatalogError,
  );
}

function areaHandlers({
  areas,
  ongoing,
}: CatalogParts): Pick<CatalogHandlers, 'listAreas' | 'putArea' | 'orderAreas' | 'retireArea'> {
  return {
    listAreas: async () => ({
      areas: areas.list().map(({ areaId, names, isRetired }) => ({
        areaId,
        nameEn: names.en,
        nameZh: names.zh,
        retired: isRetired,
        rooms: ongoing.publicCountOf(areaId),
      })),
    }),
    putArea: async ({ areaId, nameEn: en, nameZh: zh, author }) => {
      await areas.put(areaId, { en, zh }, authorOf(author));
      return {};
    },
    orderAreas: async ({ areaIds, author }) => {
      await areas.order(areaIds, authorOf(author));
      return {};
    },
    retireArea: async ({ areaId, author }) => {
      await areas.retire(areaId, authorOf(author));
      return {};
    },
  };
}

function siteHandlers({
  comingRooms,
  siteNotice,
  playCounts,
}: CatalogParts): Pick<CatalogHandlers, 'listComing' | 'getSiteNotice' | 'putSiteNotice' | 'getPlays'> {
  return {
    getPlays: async ({ roomId }) => {
      const plays = await playCounts.of(roomIdOf(roomId));
      return plays === undefined ? {} : { plays: BigInt(plays) };
    },
    listComing: async ({ limit }) => ({ rooms: (await comingRooms.list(limit)).map(wireRoom) }),
    getSiteNotice: async () => {
      const notice = siteNotice.current();
      if (!notice) return {};
      const { texts, version, untilMs } = notice;
      const times = { version: BigInt(version), untilMs: BigInt(untilMs) };
      return { notice: { textEn: texts.en, textZh: texts.zh, ...times } };
    },
    putSiteNotice: async ({ notice, author }) => {
      const texts = { en: notice?.textEn ?? '', zh: notice?.textZh ?? '' };
      await siteNotice.put({ texts, untilMs: Number(notice?.untilMs ?? 0) }, authorOf(author));
      return {};
    },
  };
}

/** Who is not named does nothing. */
function authorOf(author: WireAuthor | undefined): Author {
  const isNamed = author && author.by !== '' && author.by.length <= byCharactersMax;
  if (!isNamed || author.reason.length > reasonCharactersMax)
    throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'author' });
  return { by: author.by, reason: author.reason };
}

function toCatalogError(cause: unknown): unknown {
  if (!hasCode(cause, 'RECORD_CONTENDED', 'COORD_UNAVAILABLE')) return toProtocolError(cause);
  return new CodedError(commonErrors, 'UNAVAILABLE', { cause, retryAfterSeconds: 1 });
}
