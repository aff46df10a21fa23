import type { Role } from '@gala/lib/lifecycle';
import { ReaderService } from '@gala/protocol/reader';
import { readConfig } from '../config.ts';
import { DbReader } from './db-reader.ts';
import { createReaderHandlers } from './routes.ts';

/** Reads rows of rooms and hosts for all others, so that the databases see each key once. */
export const readerRole: Role = {
  name: 'reader',
  start({ sql, clock, metrics, breakers, settings, rpc }) {
    const reader = new DbReader({ sql, clock, metrics, breakers, config: readConfig(settings) });
    return rpc.serve(ReaderService, createReaderHandlers(reader));
  },
};
