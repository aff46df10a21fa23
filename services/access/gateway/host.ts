import { CodedError, hasCode } from '@gala/lib/error';
import { protocolErrors } from '@gala/protocol/errors';
import type { ResponseOf } from '@gala/protocol/rest';
import type { Call, Reply } from './call.ts';
import { restHost } from './conversions.ts';
import type { Parts } from './parts.ts';
import { publishTarget } from './play.ts';

type CreateCall = Pick<Call<'createHost'>, 'body' | 'caller' | 'page' | 'rpc'>;

/**
 * Makes a user and his host profile, which live in two services: when the second step failed, a retry finds
 * the user without a profile and completes him. NAME_TAKEN for a name that is a whole host, or a user who
 * was never meant to be one.
 */
export async function createHost(parts: Parts, call: CreateCall): Promise<Reply<ResponseOf<'createHost'>>> {
  const { name, title = '' } = call.body;
  const { userId, repaired } = await hostUser(parts, call);
  const { host, streamKey } = await parts.room
    .createHost({ userId, name, title }, call.rpc)
    .catch((error: unknown) => {
      throw hasCode(error, 'HOST_EXISTS') ? nameTaken() : error;
    });
  if (!host) throw new TypeError('the room service answered no host');
  const { userId: by } = await call.caller();
  parts.events[repaired ? 'hostRepaired' : 'hostCreated']({ hostId: Number(userId), by });
  const publish = publishTarget(call.page, parts.config);
  return { body: { host: restHost(host), streamKey, publish } };
}

async function hostUser(parts: Parts, call: CreateCall): Promise<{ userId: bigint; repaired: boolean }> {
  const { name, password = '' } = call.body;
  try {
    const { user } = await parts.account.createUser({ name, password, roles: ['viewer', 'host'] }, call.rpc);
    if (user) return { userId: user.userId, repaired: false };
  } catch (error) {
    if (!hasCode(error, 'NAME_TAKEN')) throw error;
    return { userId: await halfMadeHost(parts, call), repaired: true };
  }
  throw new TypeError('the account service answered no user');
}

/** The user who has the role but no profile yet; the password of the retry is the one that counts. */
async function halfMadeHost(parts: Parts, call: CreateCall): Promise<bigint> {
  const { name, password } = call.body;
  const { user } = await parts.account.findUser({ name }, call.rpc);
  if (!user?.roles.includes('host') || (await isHost(parts, call, user.userId))) throw nameTaken();
  if (password) await parts.account.setPassword({ userId: user.userId, password }, call.rpc);
  return user.userId;
}

async function isHost(parts: Parts, call: CreateCall, hostId: bigint): Promise<boolean> {
  try {
    await parts.room.getHost({ hostId }, call.rpc);
    return true;
  } catch (error) {
    if (hasCode(error, 'HOST_UNKNOWN')) return false;
    throw error;
  }
}

function nameTaken(): CodedError {
  return new CodedError(protocolErrors, 'NAME_TAKEN');
}
