export { blobErrors, type BlobErrorCode } from './errors.ts';
export { openFolderBlobs, type FolderBlobsOptions } from './folder.ts';
export { readFolderBlobs, type FolderReaderOptions } from './folder-reader.ts';
export type * from './types.ts';
