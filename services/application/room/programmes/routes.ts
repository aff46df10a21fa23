import { CodedError } from '@gala/lib/error';
import type { Handlers } from '@gala/lib/rpc';
import type { CatalogService } from '@gala/protocol/catalog';
import type * as wire from '@gala/protocol/catalog';
import { commonErrors } from '@gala/protocol/errors';
import { userIdMax } from '@gala/protocol/ids';
import { deviceToken, type ProgrammeDraft } from '@gala/protocol/programme';
import type { Holder, Programmes, ShownProgramme, Steering } from './programmes.ts';

const reasonCharactersMax = 200;

type Operation =
  | 'listProgrammes'
  | 'getProgramme'
  | 'createProgramme'
  | 'editProgramme'
  | 'cancelProgramme'
  | 'setReservation'
  | 'getReservation';

export function programmeHandlers(programmes: Programmes): Pick<Handlers<typeof CatalogService>, Operation> {
  return {
    listProgrammes: async (page) => {
      const { programmes: listed, total } = await programmes.list(page);
      return { programmes: listed.map(wireSummary), total };
    },
    getProgramme: async ({ name }) => ({ programme: wireProgramme(await programmes.get(name)) }),
    createProgramme: async ({ name, draft, steering }) => {
      const change = { name, draft: draftOf(draft), steering: steeringOf(steering) };
      return { programme: wireProgramme(await programmes.create(change)) };
    },
    editProgramme: async ({ name, draft, steering, version }) => {
      const change = { name, draft: draftOf(draft), steering: steeringOf(steering) };
      return { programme: wireProgramme(await programmes.edit({ ...change, version: Number(version) })) };
    },
    cancelProgramme: async ({ name, steering }) => {
      await programmes.cancel(name, steeringOf(steering));
      return {};
    },
    setReservation: async ({ name, holder, reserved }) => {
      await programmes.setReserved(name, holderOf(holder), reserved);
      return {};
    },
    getReservation: async ({ name, holder }) => ({
      reserved: await programmes.isReserved(name, holderOf(holder)),
    }),
  };
}

function steeringOf(steering: wire.Steering | undefined): Steering {
  if (!steering || steering.reason.length > reasonCharactersMax || steering.userId > BigInt(userIdMax))
    throw invalid('steering');
  const { userId, operator: isOperator, reason } = steering;
  return { userId: Number(userId), isOperator, reason };
}

function holderOf(holder: wire.Holder | undefined): Holder {
  const { userId = 0n, device = '' } = holder ?? {};
  if (userId > 0n && userId <= BigInt(userIdMax)) return { userId: Number(userId) };
  if (!deviceToken.safeParse(device).success) throw invalid('holder');
  return { device };
}

function draftOf(draft: wire.ProgrammeDraft | undefined): ProgrammeDraft {
  if (!draft) throw invalid('draft');
  return {
    titles: { en: draft.titleEn, zh: draft.titleZh },
    text: draft.text,
    startsAtMs: Number(draft.startsAtMs),
    endsAtMs: Number(draft.endsAtMs),
    angles: draft.angles.map(({ hostId, labelEn: en, labelZh: zh }) => ({
      hostId: Number(hostId),
      label: { en, zh },
    })),
    stewardIds: draft.stewardIds.map(Number),
  };
}

function wireProgramme(programme: ShownProgramme) {
  const { text, angles, stewardIds } = programme.draft;
  const summary = wireSummary(programme);
  return {
    ...summary,
    draft: {
      ...summary.draft,
      text,
      angles: angles.map(({ hostId, label }) => ({
        hostId: BigInt(hostId),
        labelEn: label.en,
        labelZh: label.zh,
      })),
      stewardIds: stewardIds.map(BigInt),
    },
    angleStates: programme.angleStates.map(({ hostName, isOnAir }) => ({ hostName, onAir: isOnAir })),
  };
}

/** What a list shows. */
function wireSummary({ programmeId, name, phase, version, reservations, draft }: ShownProgramme) {
  const { titles, startsAtMs, endsAtMs } = draft;
  return {
    programmeId: BigInt(programmeId),
    name,
    phase,
    version: BigInt(version),
    reservations: BigInt(reservations),
    draft: {
      titleEn: titles.en,
      titleZh: titles.zh,
      startsAtMs: BigInt(startsAtMs),
      endsAtMs: BigInt(endsAtMs),
    },
  };
}

function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}
