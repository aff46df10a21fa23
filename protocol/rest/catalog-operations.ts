import { z } from 'zod';
import { areaId, areaNames, areasMax } from '../settings/index.ts';
import * as shape from './catalog-schemas.ts';
import { room, timeMs } from './schemas.ts';
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
  listComingRooms: {
    method: 'GET',
    path: '/v1/schedule',
    summary: 'Public rooms that are scheduled for a time, the soonest first',
    access: 'anyone',
    query: z.object({ limit: z.coerce.number().int().min(1).max(100).default(50) }),
    status: 200,
    response: z.object({ rooms: z.array(room) }),
  },
  getHostPage: {
    method: 'GET',
    path: '/v1/hosts/{hostRef}/page',
    summary: 'What the page of a host shows: his announcement, and his room that is on air or scheduled',
    access: 'anyone',
    status: 200,
    response: shape.hostPage,
  },
  getSiteNotice: {
    method: 'GET',
    path: '/v1/notice',
    summary: 'What operators tell on every page',
    access: 'anyone',
    status: 200,
    response: z.object({ notice: shape.siteNotice.optional().describe('absent while there is none') }),
  },
  putSiteNotice: {
    method: 'PUT',
    path: '/v1/notice',
    summary: 'Tell something on every page; without texts nothing any more',
    access: 'operator',
    scope: 'catalog:write',
    body: z.object({
      texts: z.object({ en: z.string().max(300), zh: z.string().max(300) }),
      untilMs: timeMs.optional(),
      reason,
    }),
    status: 204,
  },
  listSwitches: {
    method: 'GET',
    path: '/v1/switches',
    summary: 'The switches with their states, and who set them last and why',
    access: 'operator',
    scope: 'switches:write',
    status: 200,
    response: z.object({ switches: z.array(shape.switchView), changes: z.array(shape.switchChange) }),
  },
  setSwitch: {
    method: 'PUT',
    path: '/v1/switches/{switchName}',
    summary: 'Set a switch in every process, for a time or until it is set again',
    access: 'operator',
    scope: 'switches:write',
    body: z.object({ state: z.string().max(32), untilMs: timeMs.optional(), reason }),
    status: 204,
  },
} as const satisfies Record<string, Operation>;
