import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestAccounts, type TestAccounts } from './testing.ts';

const issuer = 'https://partner.example';
const audience = 'gala';

let world: TestAccounts;
let key: CryptoKey;
beforeAll(async () => {
  world = await startTestAccounts();
  key = await trust('EdDSA');
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** Stores a fresh key of the partner and answers the private half. */
async function trust(algorithm: string): Promise<CryptoKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwks = JSON.stringify({ keys: [await exportJWK(publicKey)] });
  await world.partners.put({ issuer, audience, jwks });
  return privateKey;
}

interface Claims {
  readonly sub?: string;
  readonly iss?: string;
  readonly aud?: string;
  /** Seconds from now; undefined: none. */
  readonly exp?: number;
}

function tokenOf(claims: Claims, algorithm = 'EdDSA', signer = key): Promise<string> {
  const nowSeconds = Math.floor(world.clock.nowMs() / 1000);
  const { exp, ...rest } = { sub: 'alice', iss: issuer, aud: audience, exp: 60, ...claims };
  const payload = exp === undefined ? rest : { ...rest, exp: nowSeconds + exp };
  return new SignJWT(payload).setProtectedHeader({ alg: algorithm }).sign(signer);
}

const signIn = (jwt: string) => world.sessions.signInPartner(jwt);
const invalid = { code: 'ISSUER_TOKEN_INVALID' };

test.each(['EdDSA', 'ES256', 'RS256'])(
  "a partner's %s token opens a session of one lasting user",
  async (alg) => {
    const signer = await trust(alg);
    const sub = `user of ${alg}`;
    const jwts = await Promise.all(Array.from({ length: 5 }, () => tokenOf({ sub }, alg, signer)));
    const signedIn = await Promise.all(jwts.map(signIn));
    expect(new Set(signedIn.map(({ principal }) => principal.userId)).size).toBe(1);
    const { token, principal } = signedIn[0];
    expect(principal).toMatchObject({ name: `user-${principal.userId}`, roles: ['viewer'] });
    expect(await world.principals.authenticate(token)).toEqual(principal);
    expect(await world.users.find(principal.name)).toMatchObject({ userId: principal.userId });
    key = await trust('EdDSA');
  },
);

test('a token for someone else, without end, past its end or without subject is refused', async () => {
  for (const claims of [
    { aud: 'other' },
    { exp: undefined },
    { exp: -31 },
    { sub: '' },
    { sub: 'x'.repeat(257) },
    { sub: 'a\0b' },
  ]) {
    await expect(signIn(await tokenOf(claims)), JSON.stringify(claims)).rejects.toMatchObject(invalid);
  }
  expect(await signIn(await tokenOf({ exp: -29 }))).toMatchObject({ principal: { roles: ['viewer'] } });
});

test('an unknown issuer, a foreign key, another algorithm and none are refused', async () => {
  const foreign = await generateKeyPair('EdDSA');
  await expect(signIn(await tokenOf({ iss: 'https://else.example' }))).rejects.toMatchObject({
    code: 'ISSUER_UNKNOWN',
  });
  await expect(signIn(await tokenOf({}, 'EdDSA', foreign.privateKey))).rejects.toMatchObject(invalid);
  const secret = new TextEncoder().encode('x'.repeat(64));
  const symmetric = new SignJWT({ sub: 'a', iss: issuer, aud: audience, exp: 9_999_999_999 });
  const jwt = await symmetric.setProtectedHeader({ alg: 'HS256' }).sign(secret);
  await expect(signIn(jwt)).rejects.toMatchObject(invalid);
  const unsecured = new UnsecuredJWT({ sub: 'a', iss: issuer, aud: audience, exp: 9_999_999_999 }).encode();
  await expect(signIn(unsecured)).rejects.toMatchObject(invalid);
  for (const text of ['', 'a.b.c', '{}', 'x'.repeat(9000), await tokenOf({ iss: 'a\0b' })]) {
    await expect(signIn(text)).rejects.toMatchObject(invalid);
  }
});

test('replaced keys end what the old ones had signed', async () => {
  const jwt = await tokenOf({});
  key = await trust('EdDSA');
  await expect(signIn(jwt)).rejects.toMatchObject(invalid);
  expect(await signIn(await tokenOf({}))).toMatchObject({ principal: { roles: ['viewer'] } });
  expect(await world.partners.list()).toMatchObject([{ issuer, audience }]);
});

test('only public keys are taken', async () => {
  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const secret = JSON.stringify({ keys: [await exportJWK(privateKey)] });
  const shared = JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA' }] });
  for (const jwks of ['', '{}', '[]', '{"keys":[]}', '{"keys":[7]}', secret, shared]) {
    const put = world.partners.put({ issuer, audience, jwks });
    await expect(put, jwks.slice(0, 20)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  }
});
