import type { z } from 'zod';

/** One named part of the static settings; each service declares its own in its `config.ts`. */
export interface Section<Schema extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly schema: Schema;
}

/** Checked, frozen settings of all declared sections. */
export interface Settings {
  get<Schema extends z.ZodObject>(section: Section<Schema>): Readonly<z.output<Schema>>;
}
