import { createMetrics } from '../metrics/index.ts';
import { openFolderBlobs } from './folder.ts';

/** A process of its own for the test: appends and puts until it is killed in the middle of both. */
const folder = process.env['BLOB_FOLDER']!;
const store = await openFolderBlobs({ folder, bytesMax: 1e6, metrics: createMetrics('owner') });
const writer = await store.append('growing');
for (const chunk of ['one', 'two', 'three']) await writer.write(Buffer.from(chunk));
async function* endless(): AsyncIterable<Uint8Array> {
  yield Buffer.from('half');
  process.stdout.write('writing\n');
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}
await store.put('whole', endless());
