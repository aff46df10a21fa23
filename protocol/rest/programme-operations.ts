import { z } from 'zod';
import { programmesMax, programmeName } from '../programme/index.ts';
import type { Operation } from './operation.ts';
import * as shape from './programme-schemas.ts';
import { reason } from './stream-schemas.ts';

/** Big events: several hosts under one name for a time. */
export const programmeOperations = {
  listProgrammes: {
    method: 'GET',
    path: '/v1/programmes',
    summary: 'Programmes that are coming or running, the soonest first',
    access: 'anyone',
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).default(50),
      offset: z.coerce.number().int().min(0).max(programmesMax).default(0),
    }),
    status: 200,
    response: z.object({ programmes: z.array(shape.programmeSummary), total: z.number().int() }),
  },
  getProgramme: {
    method: 'GET',
    path: '/v1/programmes/{programmeName}',
    summary: 'One programme with its hosts, and who of them is on air',
    access: 'anyone',
    status: 200,
    response: z.object({ programme: shape.programme }),
  },
  createProgramme: {
    method: 'POST',
    path: '/v1/programmes',
    summary: 'Make a programme',
    access: 'operator',
    scope: 'catalog:write',
    body: z.object({ name: programmeName, draft: shape.programmeDraft, reason }),
    status: 201,
    response: z.object({ programme: shape.programme }),
  },
  getProgrammePlan: {
    method: 'GET',
    path: '/v1/programmes/{programmeName}/plan',
    summary: 'What those who may steer a programme change of it',
    access: 'user',
    scope: 'catalog:write',
    status: 200,
    response: shape.programmePlan,
  },
  editProgramme: {
    method: 'PUT',
    path: '/v1/programmes/{programmeName}',
    summary: 'Replace a programme: operators, and those who may steer it, whom operators name',
    access: 'user',
    scope: 'catalog:write',
    body: z.object({
      draft: shape.programmeDraft,
      version: z.number().int().min(1).describe('that it was made from; another one is PROGRAMME_CHANGED'),
      reason,
    }),
    status: 200,
    response: z.object({ programme: shape.programme }),
  },
  cancelProgramme: {
    method: 'POST',
    path: '/v1/programmes/{programmeName}/cancel',
    summary: 'Cancel a programme for good: operators, and those who may steer it',
    access: 'user',
    scope: 'catalog:write',
    body: z.object({ reason }),
    status: 204,
  },
  reserveProgramme: {
    method: 'POST',
    path: '/v1/programmes/{programmeName}/reservation',
    summary: 'Say that one will come: counted once for each user, or for each device of nobody known',
    access: 'anyone',
    body: shape.device,
    status: 204,
  },
  unreserveProgramme: {
    method: 'DELETE',
    path: '/v1/programmes/{programmeName}/reservation',
    summary: 'Take it back',
    access: 'anyone',
    query: shape.device,
    status: 204,
  },
  getReservation: {
    method: 'GET',
    path: '/v1/programmes/{programmeName}/reservation',
    summary: 'Whether one has said so',
    access: 'anyone',
    query: shape.device,
    status: 200,
    response: z.object({ isReserved: z.boolean() }),
  },
} as const satisfies Record<string, Operation>;
