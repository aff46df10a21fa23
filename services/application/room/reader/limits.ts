/** Keys of one call to a reader. */
export const keysPerCallMax = 512;
/** How long a call to a reader may take. */
export const readMsMax = 3000;
