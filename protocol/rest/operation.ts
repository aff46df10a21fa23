import type { z } from 'zod';
import type * as shape from './schemas.ts';

/** Who may call: anyone, anyone signed in, hosts (on what is theirs), or operators. */
export type Access = 'anyone' | 'user' | 'host' | 'operator';

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Path under the base path, with `{parameter}` segments. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  /** Scope that an API token needs for it; none: API tokens cannot call it unless unscoped. */
  readonly scope?: z.infer<typeof shape.scope>;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** Status of success. */
  readonly status: 200 | 201 | 204;
  readonly response?: z.ZodType;
}
