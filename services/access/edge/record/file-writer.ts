import type { AccessUnit } from '@gala/media/mp4';
import type { Tag } from '../tag.ts';
import type { QueuedFile } from './queued-file.ts';
import type { RecordingFormat } from './recording.ts';

/** Makes one file of a part out of its tags. */
export interface FileWriter {
  readonly format: RecordingFormat;
  readonly file: QueuedFile;
  /** A tag of the part, and the unit that is in it. */
  push(tag: Tag, unit: AccessUnit | undefined): void;
  /** What is held goes to the file. */
  end(): void;
}
