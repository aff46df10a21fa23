import { runTranscoding } from '@gala/media-io/transcode';

/** The process that makes renditions of one stream: native codecs live here. It ends when the process that started it closes its pipe. */
const leaveMs = 1_000;

// A terminal sends Ctrl-C to the whole group: whoever started this decides.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
await runTranscoding({ input: process.stdin, output: process.stdout });
setTimeout(() => process.exit(), leaveMs).unref();
