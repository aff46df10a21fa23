import type { HlsContainer } from '@gala/media/hls';

export type HlsFormName = 'fmp4' | 'audio' | 'ts' | 'ts-audio';

/** One way to cut a stream, with a playlist and files of its own. */
export interface HlsForm {
  readonly name: HlsFormName;
  /** Where its playlist and files are, below the folder of the room: empty, or with a slash at its end. */
  readonly folder: string;
  readonly container: HlsContainer;
  /** Pictures are left out. */
  readonly isAudioOnly: boolean;
  /** Content-Type of its files. */
  readonly fileType: string;
  /** LL-HLS; without parts a playlist has version 3, which is what old devices take. */
  readonly hasParts: boolean;
  /** Its part of the memory of a stream, in relation to the other forms that are cut. */
  readonly memoryWeight: number;
}

const picturesWeight = 16;
const audioWeight = 1;

export const hlsForms: Readonly<Record<HlsFormName, HlsForm>> = {
  fmp4: {
    name: 'fmp4',
    folder: '',
    container: 'fmp4',
    isAudioOnly: false,
    fileType: 'video/mp4',
    hasParts: true,
    memoryWeight: picturesWeight,
  },
  audio: {
    name: 'audio',
    folder: 'audio/',
    container: 'fmp4',
    isAudioOnly: true,
    fileType: 'audio/mp4',
    hasParts: true,
    memoryWeight: audioWeight,
  },
  ts: {
    name: 'ts',
    folder: 'ts/',
    container: 'mpegts',
    isAudioOnly: false,
    fileType: 'video/mp2t',
    hasParts: false,
    memoryWeight: picturesWeight,
  },
  'ts-audio': {
    name: 'ts-audio',
    folder: 'ts-audio/',
    container: 'mpegts',
    isAudioOnly: true,
    fileType: 'video/mp2t',
    hasParts: false,
    memoryWeight: audioWeight,
  },
};

/** The form with these traits: there is one for each. */
export function formOf({ container, isAudioOnly }: Pick<HlsForm, 'container' | 'isAudioOnly'>): HlsForm {
  if (container === 'fmp4') return isAudioOnly ? hlsForms.audio : hlsForms.fmp4;
  return isAudioOnly ? hlsForms['ts-audio'] : hlsForms.ts;
}
