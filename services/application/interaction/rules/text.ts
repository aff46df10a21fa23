import { commentLengthMax } from '@gala/protocol/signals';

/** Controls, and what turns the direction of the text that follows (UAX #9): embeddings, overrides, isolates. */
const removed =
  /[\p{Cc}\p{Co}\u{fff9}-\u{fffb}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{206a}-\u{206f}\u{feff}]/gu;
const breaks = /[\t\n\v\f\r\u{85}\u{2028}\u{2029}]/gu;
const spaces = /\p{Zs}{2,}/gu;
/** More marks on one letter than a language needs run over the lines above and below. */
const piledMarks = /([\p{Mn}\p{Me}]{4})[\p{Mn}\p{Me}]+/gu;
/** Something to see: neither space nor invisible, nor one of the blanks that count as letters. */
const visible = /[^\p{Z}\p{C}\p{M}\p{Default_Ignorable_Code_Point}\u{2800}]/u;

/** Longest sequences first; taken one after the other, so that no text makes it slow. */
const emote =
  /\p{RGI_Emoji}|[\p{Emoji_Presentation}\p{Extended_Pictographic}]\u{fe0f}?|:[A-Za-z0-9_]{1,32}:|\s/gv;

/** Ends of names that people type; an address by number or with a scheme needs none. */
const domains =
  'com|net|org|info|biz|xyz|top|site|online|shop|club|live|app|dev|link|icu|vip|tv|me|io|co|cc|gg|ly|to|be|us|uk|de|fr|es|it|nl|ru|eu|cn|hk|tw|jp|kr|in|br|ca|au|ch|at|pl|se|中国|公司|网络';
const link = new RegExp(
  String.raw`https?:/|www\.|(?:^|[^\p{L}\p{N}])(?:\d{1,3}\.){3}\d{1,3}(?:[:/]|$)|[\p{L}\p{N}]\.(?:${domains})(?![\p{L}\p{N}])`,
  'u',
);

/** A comment as it is shown: one line, composed (NFC), nothing that acts on what stands around it; undefined for none. */
export function cleanComment(text: string): string | undefined {
  if (text.length > commentLengthMax * 8) return undefined;
  const clean = text
    .toWellFormed()
    .normalize('NFC')
    .replace(breaks, ' ')
    .replace(removed, '')
    .replace(piledMarks, '$1')
    .replace(spaces, ' ')
    .trim();
  return visible.test(clean) && lengthOf(clean) <= commentLengthMax ? clean : undefined;
}

/** Nothing but emoji (UTS #51) and `:name:`. */
export function isEmotes(text: string): boolean {
  return text.replace(emote, '') === '';
}

/** An address that people could follow, or type. */
export function hasLink(text: string): boolean {
  return link.test(text.normalize('NFKC').toLowerCase().replaceAll('。', '.'));
}

function lengthOf(text: string): number {
  let points = 0;
  for (let at = 0; at < text.length; points++) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return points;
}
