import { AV_LOG_FATAL } from 'node-av/constants';
import { Log } from 'node-av/lib';

// FFmpeg writes to stderr by itself, and would for each damaged picture of a foreign stream; those are counted, and
// what fails is told by its status.
Log.setLevel(AV_LOG_FATAL);
