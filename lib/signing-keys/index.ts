export { SigningKeys, type SigningKey, type SigningKeysOptions } from './signing-keys.ts';
