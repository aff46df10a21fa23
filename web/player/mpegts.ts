import imported from 'mpegts.js';

/**
 * The library is CommonJS whose `module.exports` is the object itself, while its types say `export default`:
 * under Node's rules that reads as one `default` too many.
 */
export const mpegts = imported as unknown as typeof imported.default;
export type MpegtsPlayer = imported.default.Player;
export type MpegtsConfig = imported.default.Config;
