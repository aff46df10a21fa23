export { blobErrors, type BlobErrorCode } from './errors.ts';
export { openFolderBlobs, type FolderBlobsOptions } from './folder.ts';
export type * from './types.ts';
