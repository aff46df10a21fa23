import { z } from 'zod';
import { areaId, areaNames, areasMax } from '../settings/index.ts';
import * as shape from './catalog-schemas.ts';
import type { Operation } from './operation.ts';
import { reason } from './stream-schemas.ts';

/** What rooms are found by beside their names. */
export const catalogOperations = {
  listAreas: {
    method: 'GET',
    path: '/v1/areas',
    summary: 'The areas in the order in which they are shown, with how many public rooms are on air in each',
    access: 'anyone',
    status: 200,
    response: z.object({ areas: z.array(shape.area) }),
  },
  putArea: {
    method: 'PUT',
    path: '/v1/areas/{areaId}',
    summary: 'Make an area, or name it anew; one that was retired is back',
    access: 'operator',
    scope: 'catalog:write',
    body: z.object({ names: areaNames, reason }),
    status: 204,
  },
  orderAreas: {
    method: 'PUT',
    path: '/v1/areas',
    summary: 'Set the order of the areas; those that are not named come after',
    access: 'operator',
    scope: 'catalog:write',
    body: z.object({ areaIds: z.array(areaId).max(areasMax), reason }),
    status: 204,
  },
  retireArea: {
    method: 'POST',
    path: '/v1/areas/{areaId}/retire',
    summary: 'Let no host choose the area any more; those who have it keep it',
    access: 'operator',
    scope: 'catalog:write',
    body: z.object({ reason }),
    status: 204,
  },
} as const satisfies Record<string, Operation>;
