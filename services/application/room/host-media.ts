import { CodedError } from '@gala/lib/error';
import { commonErrors } from '@gala/protocol/errors';
import type { HostMedia } from './room.ts';

const urlCharactersMax = 1024;
const forwardsMax = 8;
const forwardSchemes = ['rtmp:', 'rtmps:'];
const sourceSchemes = [...forwardSchemes, 'http:', 'https:'];

/** Of a host who never chose anything. */
export const noHostMedia: HostMedia = { record: false, forwardUrls: [], sourceUrl: '' };

/**
 * The settings without anything else that the message had.
 * @throws CodedError INVALID_REQUEST that names the field and never an address, which may hold a key
 */
export function checkHostMedia({ record, forwardUrls, sourceUrl }: HostMedia): HostMedia {
  if (forwardUrls.length > forwardsMax) throw invalid(`at most ${forwardsMax} forward URLs`);
  forwardUrls.forEach((url, index) => {
    if (!isUrlOf(url, forwardSchemes)) throw invalid(`forward URL ${index + 1}`);
    if (forwardUrls.indexOf(url) < index) throw invalid(`forward URL ${index + 1} stands there twice`);
  });
  if (sourceUrl !== '' && !isUrlOf(sourceUrl, sourceSchemes)) throw invalid('source URL');
  return { record, forwardUrls: [...forwardUrls], sourceUrl };
}

/** `URL` takes white space around and line breaks within; here an address is what was written. */
function isUrlOf(text: string, schemes: readonly string[]): boolean {
  if (text.length > urlCharactersMax || /[\s\p{Cc}]/u.test(text)) return false;
  const url = URL.parse(text);
  return url !== null && schemes.includes(url.protocol) && url.hostname !== '';
}

function invalid(detail: string): CodedError {
  return new CodedError(commonErrors, 'INVALID_REQUEST', { detail });
}
