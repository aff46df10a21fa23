const POLYNOMIAL = 0x04c11db7;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ POLYNOMIAL : value << 1;
  return value >>> 0;
});

/** CRC-32 of MPEG-2 sections (ISO/IEC 13818-1, annex A): most significant bit first, not inverted. */
export function crc32Mpeg2(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc << 8) ^ table[(crc >>> 24) ^ byte];
  return crc >>> 0;
}
