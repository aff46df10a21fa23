import { section } from '@gala/lib/config';
import { isAddressRange } from '@gala/lib/http';
import { z } from 'zod';

const ranges = z
  .array(z.string().refine(isAddressRange, 'an IP address or a CIDR range'))
  .max(4_096)
  .default([]);

/** The part `addresses` of the static settings: who may publish and play, by IP address. */
export const addressesSection = section(
  'addresses',
  z.object({
    publishAllow: ranges.describe('CIDR ranges that may publish; empty: all that are not denied'),
    publishDeny: ranges.describe('may not, even if allowed above'),
    playAllow: ranges.describe('CIDR ranges that may play; empty: all that are not denied'),
    playDeny: ranges.describe('may not, even if allowed above'),
  }),
);

/** The part `limits`: what one process, address or stream may take up. */
export const limitsSection = section(
  'limits',
  z.object({
    publishersMax: z.int().min(1).default(2_000).describe('publishers of one process'),
    publishersPerAddressMax: z
      .int()
      .min(1)
      .default(500)
      .describe('publishers from one address (IPv6: one /64)'),
    publishTriesPerMinute: z
      .int()
      .min(1)
      .default(120)
      .describe('publish attempts from one address; at once the same number'),
    viewersPerStreamMax: z.int().min(1).default(50_000).describe('viewers of one stream on one process'),
    streamBitsPerSecondMax: z.int().min(100_000).default(100_000_000).describe('bit rate of one publisher'),
    streamOverMs: z.int().min(1_000).default(10_000).describe('how long a publisher may be over it'),
  }),
);

export type AddressesConfig = z.output<typeof addressesSection.schema>;
export type LimitsConfig = z.output<typeof limitsSection.schema>;
