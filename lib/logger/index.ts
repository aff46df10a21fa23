import { pino, stdSerializers, type DestinationStream, type Logger as PinoLogger } from 'pino';
import pretty from 'pino-pretty';

export type Logger = PinoLogger;

export interface LoggerOptions {
  /** Process or role name, on every line. */
  readonly name: string;
  readonly level?: string;
  /** Coloured lines for a terminal; JSON lines otherwise. */
  readonly pretty?: boolean;
  readonly destination?: DestinationStream;
}

/** Names of fields whose values never reach a log line. */
const secretFields = ['streamKey', 'password', 'token', 'secret', 'authorization', 'cookie'];

/** One JSON line an event on stdout. Fields named in `secretFields` are censored, at the top and one level down. */
export function createLogger(options: LoggerOptions): Logger {
  const destination =
    options.destination ??
    (options.pretty ? pretty({ ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' }) : undefined);
  const settings = {
    name: options.name,
    level: options.level ?? 'info',
    redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: '[secret]' },
    serializers: { error: stdSerializers.err },
  };
  return destination ? pino(settings, destination) : pino(settings);
}
