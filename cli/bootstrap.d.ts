/** Types of the plain JavaScript beside this file. */
export interface Machine {
  platform: string;
  arch: string;
  /** `process.version` */
  node: string;
  /** Version of the C library; undefined on musl and outside Linux. */
  glibc: string | undefined;
}
export interface LockFile {
  packages: Record<string, { version?: string; integrity?: string; optional?: boolean }>;
}
export class SetupError extends Error {}
export function checkMachine(machine: Machine): void;
export function isInstalled(lock: LockFile, installed: LockFile): boolean;
export function pickRuntime(
  root: string,
  machine: Omit<Machine, 'glibc'> & { execPath: string },
): string | undefined;
export function resolveCommand(root: string, args: string[]): string[];
export function signalFilter(options: {
  onTerminal: boolean;
  nowMs: () => number;
}): (signal: NodeJS.Signals) => boolean;
