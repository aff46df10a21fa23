import { AV_LOG_ERROR } from 'node-av/constants';
import { Log } from 'node-av/lib';

// FFmpeg writes to stderr by itself; what is not an error there would stand between our JSON lines.
Log.setLevel(AV_LOG_ERROR);
