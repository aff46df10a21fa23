import type { IncomingMessage } from 'node:http';

/** Two Host fields are two opinions on where a request goes: node:http would keep the first without a word. */
export function hasOneHost(request: IncomingMessage): boolean {
  let hosts = 0;
  const { rawHeaders } = request;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index].length === 4 && rawHeaders[index].toLowerCase() === 'host') hosts++;
  }
  return hosts === 1 || (hosts === 0 && request.httpVersion === '1.0');
}

/** Path and query of the request target in origin or absolute form (RFC 9112, 3.2); undefined for other forms. */
export function originForm(target: string): string | undefined {
  if (target.startsWith('/')) return target;
  const absolute = /^https?:\/\/[^/?#]+([^#]*)/i.exec(target);
  if (!absolute) return undefined;
  return absolute[1].startsWith('/') ? absolute[1] : `/${absolute[1]}`;
}

/** A Host value that can stand in a URL. */
export function isHost(text: string): boolean {
  return /^([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i.test(text);
}
