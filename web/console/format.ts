/** Figures for people who compare them: short, with a unit, in columns of one kind. */

const kilo = 1_000;
const kibi = 1_024;

/** `0`, `820 kb/s`, `2.41 Mb/s`, `1.20 Gb/s`. */
export function formatBits(bitsPerSecond: number): string {
  if (bitsPerSecond < kilo) return `${Math.round(bitsPerSecond)} b/s`;
  if (bitsPerSecond < kilo ** 2) return `${Math.round(bitsPerSecond / kilo)} kb/s`;
  if (bitsPerSecond < kilo ** 3) return `${(bitsPerSecond / kilo ** 2).toFixed(2)} Mb/s`;
  return `${(bitsPerSecond / kilo ** 3).toFixed(2)} Gb/s`;
}

/** `512 B`, `12 KiB`, `3.1 MiB`, `2.00 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < kibi) return `${Math.round(bytes)} B`;
  if (bytes < kibi ** 2) return `${Math.round(bytes / kibi)} KiB`;
  if (bytes < kibi ** 3) return `${(bytes / kibi ** 2).toFixed(1)} MiB`;
  return `${(bytes / kibi ** 3).toFixed(2)} GiB`;
}

/** `40 ms`, `−3 ms`; whole milliseconds, since nothing here is known better. */
export function formatMs(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return '–';
  const rounded = Math.round(milliseconds);
  return `${rounded < 0 ? '−' : ''}${Math.abs(rounded)} ms`;
}

/** `25`, `29.97`. */
export function formatRate(perSecond: number): string {
  return String(Math.round(perSecond * 100) / 100);
}

/** `40 ms`, `1.5 s`, `5 min`, `2 h`, `3 d`: the largest unit that is not below one, with one decimal where it has any. */
export function formatDuration(milliseconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ];
  const unit = units.find(([, size]) => milliseconds >= size);
  if (!unit) return formatMs(milliseconds);
  return `${Math.round((milliseconds / unit[1]) * 10) / 10} ${unit[0]}`;
}
