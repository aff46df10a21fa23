export {
  CoverChild,
  type CoverChildOptions,
  type CoverCounters,
  type CoverLimits,
  type CoverPicture,
} from './cover-child.ts';
export { runCovers } from './cover-work.ts';
