import type { Section } from '@gala/lib/config';
import { backupSection } from './backup/config.ts';
import { edgeSection, hlsSection, rtmpSection } from './config.ts';
import { forwardSection } from './forward/config.ts';
import { recordSection } from './record/config.ts';
import { coversSection } from './covers/config.ts';
import { hooksSection } from './hooks/config.ts';
import { addressesSection, limitsSection } from './limits/config.ts';
import { transcodeSection } from './renditions/config.ts';
import { pullSection } from './pull/config.ts';
import { relaySection } from './relay/config.ts';

/** All settings of the edge, in the order of the sample file. */
export const edgeSections: readonly Section[] = [
  edgeSection,
  rtmpSection,
  hlsSection,
  backupSection,
  relaySection,
  forwardSection,
  recordSection,
  addressesSection,
  limitsSection,
  hooksSection,
  pullSection,
  transcodeSection,
  coversSection,
];
