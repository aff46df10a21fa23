export { fenceErrors } from './errors.ts';
export { FencedChild, type FencedChildOptions } from './fenced-child.ts';
export {
  controlMessage,
  controlValue,
  encodeHeader,
  FenceReader,
  type FenceKind,
  type FenceMessage,
} from './message.ts';
export { loadCodecs, runWork, type Codecs, type Work, type WorkOutput, type WorkPipes } from './work.ts';
