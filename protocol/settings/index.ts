import { z } from 'zod';

/** Records that change at run time (`lib/records`): their keys in coord, schemas and bounds. */
export const areasKey = 'room/areas';

export const areasMax = 100;
export const areaId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/)
  .describe('1 to 32 small letters, digits or dashes');

export const switchesKey = 'switches';
/** Every switch with its states; the first is the ordinary one. */
export const switchTable = {
  /** `frozen`: the last counts are shown and nothing is counted; `off`: none are shown. */
  playCounts: ['on', 'frozen', 'off'],
} as const;
export type SwitchName = keyof typeof switchTable;
export const switchName = z.enum(Object.keys(switchTable) as [SwitchName]);

/** What operators have set, by name. */
export const switchSettings = z.record(
  z.string(),
  z.object({
    state: z.string().max(32),
    by: z.string(),
    reason: z.string(),
    sinceMs: z.number(),
    untilMs: z.number(),
  }),
);

export const siteNoticeKey = 'room/site-notice';
const noticeText = z.string().trim().max(300);
/** Both texts, or none of them: there is no notice. */
export const siteNotice = z
  .object({
    texts: z.object({ en: noticeText, zh: noticeText }),
    untilMs: z.number().int().min(0).describe('0: until it is taken away'),
  })
  .refine(({ texts }) => (texts.en === '') === (texts.zh === ''), 'a text in one language alone');
export type SiteNotice = z.infer<typeof siteNotice>;

const name = z.string().trim().min(1).max(40);
/** A text in the languages of the pages. */
export const areaNames = z.object({ en: name, zh: name });

export const area = z.object({
  areaId,
  names: areaNames,
  isRetired: z.boolean().describe('no host may choose it any more'),
});
/** In the order in which they are shown. */
export const areas = z.array(area).max(areasMax);

export type Area = z.infer<typeof area>;
export type AreaNames = z.infer<typeof areaNames>;
