import type { CallOptions } from '@gala/lib/rpc';
import type { operations, OperationName, ResponseOf } from '@gala/protocol/rest';
import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import type { Page } from './page.ts';

type Table = typeof operations;
type ParsedBody<Name extends OperationName> = Table[Name] extends {
  body: infer Body extends z.ZodType;
}
  ? z.output<Body>
  : undefined;
type ParsedQuery<Name extends OperationName> = Table[Name] extends {
  query: infer Query extends z.ZodType;
}
  ? z.output<Query>
  : undefined;

/** Who calls, as the account service knows him. */
export interface Caller {
  /** 0 for the operator token of the installation. */
  readonly userId: number;
  readonly name: string;
  readonly roles: readonly string[];
  /** Scopes of an API token; empty means everything that the roles allow. */
  readonly scopes: readonly string[];
  /** Empty for bearer tokens that are no session. */
  readonly csrfToken: string;
  /** When the session or token ends; undefined for tokens that do not. */
  readonly expiresAtMs: number | undefined;
  readonly credentials: Credentials;
}

export interface Credentials {
  readonly token: string;
  /** Only a cookie is sent by browsers unasked, so only a cookie needs the CSRF header. */
  readonly via: 'bearer' | 'cookie';
}

/** One call of an operation, checked: parameters, query and body have the shapes of the table. */
export interface Call<Name extends OperationName = OperationName> {
  readonly request: IncomingMessage;
  readonly params: Readonly<Record<string, string>>;
  readonly query: ParsedQuery<Name>;
  readonly body: ParsedBody<Name>;
  /** Who calls; UNAUTHENTICATED without valid credentials. Known already for operations not open to anyone. */
  readonly caller: () => Promise<Caller>;
  /** Who calls an operation open to anyone; undefined without credentials. */
  readonly visitor: () => Promise<Caller | undefined>;
  readonly page: Page;
  readonly clientAddress: string;
  readonly rpc: CallOptions;
}

export interface Reply<Body = unknown> {
  readonly body: Body;
  readonly setCookie?: string;
  /** `no-store` otherwise. */
  readonly cacheControl?: string;
}

export type Handler<Name extends OperationName> = (call: Call<Name>) => Promise<Reply<ResponseOf<Name>>>;
export type Handlers = { readonly [Name in OperationName]: Handler<Name> };
