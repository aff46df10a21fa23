import { parseLatency } from '../player/latency.ts';
import { parseProtocol, parseQuality, type PlayPreference } from '../player/support.ts';

export type ConsolePart = 'streams' | 'jobs' | 'areas' | 'notice' | 'programmes' | 'switches';

export type Route =
  | { readonly page: 'home' }
  | { readonly page: 'host' }
  | { readonly page: 'console'; readonly roomId: number | undefined; readonly part: ConsolePart }
  | { readonly page: 'room'; readonly roomRef: string; readonly preference: PlayPreference }
  | { readonly page: 'programme'; readonly name: string; readonly preference: PlayPreference }
  | { readonly page: 'moderate'; readonly roomId: number }
  | { readonly page: 'unknown' };

const consolePartPath = /^\/console\/(jobs|areas|notice|programmes|switches)$/;
const consolePath = /^\/console(?:\/([1-9][0-9]{0,15}))?$/;
const programmePath = /^\/programmes\/([a-z0-9][a-z0-9-]{0,47})$/;
const moderatePath = /^\/moderate\/([1-9][0-9]{0,15})$/;
const roomPath = /^\/room\/([1-9][0-9]{0,15})$/;
const hostNamePath = /^\/(@[A-Za-z0-9][A-Za-z0-9._-]{2,31})$/;

/** What a path below the base shows; a trailing slash makes no difference. */
export function parseRoute(path: string, search: string): Route {
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') || '/' : path;
  if (trimmed === '/') return { page: 'home' };
  if (trimmed === '/host') return { page: 'host' };
  const part = consolePartPath.exec(trimmed)?.[1] as ConsolePart | undefined;
  if (part) return { page: 'console', roomId: undefined, part };
  const onConsole = consolePath.exec(trimmed);
  if (onConsole) {
    const roomId = onConsole[1] === undefined ? undefined : Number(onConsole[1]);
    return { page: 'console', roomId, part: 'streams' };
  }
  const moderated = moderatePath.exec(trimmed)?.[1];
  if (moderated !== undefined) return { page: 'moderate', roomId: Number(moderated) };
  const roomRef = roomPath.exec(trimmed)?.[1] ?? hostNamePath.exec(trimmed)?.[1];
  const name = programmePath.exec(trimmed)?.[1];
  const query = new URLSearchParams(search);
  const preference = {
    latency: parseLatency(query.get('latency')),
    protocol: parseProtocol(query.get('protocol')),
    quality: parseQuality(query.get('quality')),
  };
  if (name !== undefined) return { page: 'programme', name, preference };
  return roomRef === undefined ? { page: 'unknown' } : { page: 'room', roomRef, preference };
}

const basePath = (): string => new URL('.', document.baseURI).pathname;

/** The present path as seen from the base, beginning with a slash. */
export function pathBelowBase(): string {
  const path = decodePath(location.pathname);
  const base = basePath();
  return path.startsWith(base) ? path.slice(base.length - 1) : path;
}

/** Turns a path of ours (`/host`) into one for links. */
export function hrefOf(path: string): string {
  return basePath() + path.slice(1);
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
