import { CodedError, hasCode } from '@gala/lib/error';
import type { Author } from '@gala/lib/records';
import { mapErrors, type Handlers } from '@gala/lib/rpc';
import type { CatalogService, Author as WireAuthor } from '@gala/protocol/catalog';
import { commonErrors } from '@gala/protocol/errors';
import type { Areas } from './areas.ts';
import type { OngoingRooms } from './ongoing/ongoing-rooms.ts';
import { toProtocolError } from './routes.ts';

const byCharactersMax = 64;
const reasonCharactersMax = 200;

export interface CatalogParts {
  readonly areas: Areas;
  readonly ongoing: OngoingRooms;
}

type CatalogHandlers = Handlers<typeof CatalogService>;

/** Operations of the catalogue as calls of the domain. */
export function createCatalogHandlers(parts: CatalogParts): CatalogHandlers {
  return mapErrors({ ...areaHandlers(parts) }, toCatalogError);
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
