import { CodedError, hasCode } from '@gala/lib/error';
import type { Programme as WireProgramme } from '@gala/protocol/catalog';
import { protocolErrors } from '@gala/protocol/errors';
import type { Programme, ProgrammeDraft, ProgrammeSummary } from '@gala/protocol/rest';
import { isOperator } from './access.ts';
import type { Call, Handlers } from './call.ts';
import { hostIdOfRef } from './enter.ts';
import { isSameOrigin } from './page.ts';
import type { Parts } from './parts.ts';

type ReadOperation = 'listProgrammes' | 'getProgramme' | 'getProgrammePlan';
type ChangeOperation = 'createProgramme' | 'editProgramme' | 'cancelProgramme';
type ReservationOperation = 'reserveProgramme' | 'unreserveProgramme' | 'getReservation';
type ProgrammeOperation = ReadOperation | ChangeOperation | ReservationOperation;

/** Big events. Who may steer one is for the room service to say, which keeps the list. */
export function programmeHandlers(parts: Parts): Pick<Handlers, ProgrammeOperation> {
  return { ...readHandlers(parts), ...changeHandlers(parts), ...reservationHandlers(parts) };
}

function readHandlers({ catalog }: Parts): Pick<Handlers, ReadOperation> {
  return {
    listProgrammes: async ({ query, rpc }) => {
      const { programmes, total } = await catalog.listProgrammes(query, rpc);
      return { body: { programmes: programmes.map(restSummary), total }, cacheControl: 'public, max-age=1' };
    },
    getProgramme: async ({ params, rpc }) => {
      const { programme } = await catalog.getProgramme({ name: params.programmeName }, rpc);
      return { body: { programme: restProgramme(programme) }, cacheControl: 'public, max-age=1' };
    },
    getProgrammePlan: async ({ params, caller, rpc }) => {
      const { programme } = await catalog.getProgramme({ name: params.programmeName }, rpc);
      const asks = await caller();
      const isSteward = programme?.draft?.stewardIds.includes(BigInt(asks.userId));
      if (!isSteward && !isOperator(asks)) throw new CodedError(protocolErrors, 'FORBIDDEN');
      return { body: { draft: restDraft(programme), version: Number(programme?.version) } };
    },
  };
}

function changeHandlers(parts: Parts): Pick<Handlers, ChangeOperation> {
  const { catalog } = parts;
  return {
    createProgramme: async (call) => {
      const { name } = call.body;
      const [draft, steering] = await Promise.all([wireDraft(parts, call), steeringOf(call)]);
      const { programme } = await catalog.createProgramme({ name, draft, steering }, call.rpc);
      return { body: { programme: restProgramme(programme) } };
    },
    editProgramme: async (call) => {
      const name = call.params.programmeName;
      const [draft, steering] = await Promise.all([wireDraft(parts, call), steeringOf(call)]);
      const version = BigInt(call.body.version);
      const { programme } = await catalog.editProgramme({ name, draft, version, steering }, call.rpc);
      return { body: { programme: restProgramme(programme) } };
    },
    cancelProgramme: async (call) => {
      const name = call.params.programmeName;
      await catalog.cancelProgramme({ name, steering: await steeringOf(call) }, call.rpc);
      return { body: undefined };
    },
  };
}

function reservationHandlers({ catalog }: Parts): Pick<Handlers, ReservationOperation> {
  const set = async (call: HolderCall, device: string | undefined, reserved: boolean) => {
    const name = call.params.programmeName;
    await catalog.setReservation({ name, holder: await holderOf(call, device), reserved }, call.rpc);
    return { body: undefined };
  };
  return {
    reserveProgramme: (call) => set(call, call.body.device, true),
    unreserveProgramme: (call) => set(call, call.query.device, false),
    getReservation: async (call) => {
      const holder = await holderOf(call, call.query.device);
      const { reserved } = await catalog.getReservation(
        { name: call.params.programmeName, holder },
        call.rpc,
      );
      return { body: { isReserved: reserved } };
    },
  };
}

type HolderCall = Pick<Call, 'request' | 'params' | 'page' | 'visitor' | 'rpc'>;

/** The user who is signed in, otherwise the device. Another site's page cannot speak for either. */
async function holderOf(call: HolderCall, device: string | undefined) {
  if (!isSameOrigin(call.request, call.page) && call.request.headers.cookie !== undefined)
    throw new CodedError(protocolErrors, 'FORBIDDEN', { detail: 'a reservation from another site' });
  const userId = (await call.visitor())?.userId ?? 0;
  if (userId !== 0) return { userId: BigInt(userId) };
  if (device === undefined) throw new CodedError(protocolErrors, 'INVALID_REQUEST', { detail: 'device' });
  return { device };
}

async function steeringOf({
  caller,
  body,
}: Pick<Call, 'caller'> & { readonly body: { readonly reason: string } }) {
  const asks = await caller();
  return { userId: BigInt(asks.userId), operator: isOperator(asks), reason: body.reason };
}

async function wireDraft(
  parts: Parts,
  { body, rpc }: Pick<Call, 'rpc'> & { readonly body: { readonly draft: ProgrammeDraft } },
) {
  const { titles, text, startsAtMs, endsAtMs, angles, stewards } = body.draft;
  const idOf = async (ref: string) => BigInt(await hostIdOfRef(parts, { rpc }, ref));
  const [hostIds, stewardIds] = await Promise.all([
    Promise.all(angles.map(({ hostRef }) => idOf(hostRef))),
    Promise.all(stewards.map((ref) => userIdOf(parts, rpc, idOf(ref)))),
  ]);
  return {
    titleEn: titles.en,
    titleZh: titles.zh,
    text,
    startsAtMs: BigInt(startsAtMs),
    endsAtMs: BigInt(endsAtMs),
    angles: angles.map(({ label }, at) => ({ hostId: hostIds[at], labelEn: label.en, labelZh: label.zh })),
    stewardIds: [...new Set(stewardIds)],
  };
}

/** @throws CodedError USER_UNKNOWN also for a name that nobody has */
async function userIdOf({ account }: Parts, rpc: Call['rpc'], asked: Promise<bigint>): Promise<bigint> {
  try {
    const userId = await asked;
    await account.getUser({ userId }, rpc);
    return userId;
  } catch (error) {
    throw hasCode(error, 'HOST_UNKNOWN') ? new CodedError(protocolErrors, 'USER_UNKNOWN') : error;
  }
}

function restSummary({
  name,
  draft,
  phase,
  reservations,
  version,
}: Pick<WireProgramme, 'name' | 'draft' | 'phase' | 'reservations' | 'version'>): ProgrammeSummary {
  return {
    name,
    titles: { en: draft?.titleEn ?? '', zh: draft?.titleZh ?? '' },
    startsAtMs: Number(draft?.startsAtMs),
    endsAtMs: Number(draft?.endsAtMs),
    phase: phase as ProgrammeSummary['phase'],
    reservations: Number(reservations),
    version: Number(version),
  };
}

function restProgramme(programme: WireProgramme | undefined): Programme {
  if (!programme?.draft) throw new CodedError(protocolErrors, 'PROGRAMME_UNKNOWN');
  const { draft, angleStates } = programme;
  const angles = draft.angles.map(({ hostId, labelEn: en, labelZh: zh }, at) => ({
    hostId: Number(hostId),
    hostName: angleStates.at(at)?.hostName ?? '',
    label: { en, zh },
    isOnAir: angleStates.at(at)?.onAir ?? false,
  }));
  return { ...restSummary(programme), text: draft.text, angles };
}

/** As `editProgramme` takes it: hosts by name, since people read it. */
function restDraft(programme: WireProgramme | undefined): ProgrammeDraft {
  const { titles, text, startsAtMs, endsAtMs, angles } = restProgramme(programme);
  return {
    titles,
    text,
    startsAtMs,
    endsAtMs,
    angles: angles.map(({ hostId, hostName, label }) => ({
      hostRef: hostName === '' ? String(hostId) : `@${hostName}`,
      label,
    })),
    stewards: (programme?.draft?.stewardIds ?? []).map(String),
  };
}
