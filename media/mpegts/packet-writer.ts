export const packetBytes = 188;
const SYNC_BYTE = 0x47;
const HEADER_BYTES = 4;
const PCR_BYTES = 6;
const STUFFING = 0xff;
const WRAP_TICKS = 2 ** 33;
const FIRST_CAPACITY_PACKETS = 64;

/** What the adaptation field in front of a unit tells. */
export interface UnitHead {
  /** Program clock in ticks of 90 kHz, any size; it wraps at 33 bits. */
  readonly clockTicks?: number;
  /** Decoding can begin here. */
  readonly randomAccess?: boolean;
  /** The clock, or the counters, do not continue. */
  readonly discontinuity?: boolean;
}

/** Cuts sections and PES packets into transport packets (ISO/IEC 13818-1, 2.4.3). */
export class PacketWriter {
  readonly #counters = new Map<number, number>();
  #bytes = Buffer.allocUnsafe(FIRST_CAPACITY_PACKETS * packetBytes);
  #size = 0;

  /** Writes a section with its pointer field; the rest of the packet is filled. */
  section(pid: number, section: Buffer): void {
    const offset = this.#begin(pid, true, false);
    this.#bytes[offset] = 0;
    const end = section.copy(this.#bytes, offset + 1) + offset + 1;
    this.#bytes.fill(STUFFING, end, this.#size);
  }

  /** Writes one PES packet. */
  unit(pid: number, pes: Buffer, head: UnitHead = {}): void {
    let sent = 0;
    let isFirst = true;
    while (sent < pes.length) {
      const fieldBytes = isFirst ? adaptationBytes(head) : 0;
      const room = packetBytes - HEADER_BYTES - fieldBytes;
      const count = Math.min(room, pes.length - sent);
      const adaptation = fieldBytes + room - count;
      const offset = this.#begin(pid, isFirst, adaptation > 0);
      this.#adapt(offset, adaptation, isFirst ? head : {});
      pes.copy(this.#bytes, offset + adaptation, sent, sent + count);
      sent += count;
      isFirst = false;
    }
  }

  /** Everything written since the last call; the continuity counters go on. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#size));
    this.#size = 0;
    return taken;
  }

  /** Writes the header of the next packet; gives the offset behind it. */
  #begin(pid: number, isUnitStart: boolean, hasAdaptation: boolean): number {
    const start = this.#size;
    if (start + packetBytes > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes, Buffer.allocUnsafe(this.#bytes.length)]);
    }
    const counter = this.#counters.get(pid) ?? 0;
    this.#counters.set(pid, (counter + 1) & 15);
    this.#bytes[start] = SYNC_BYTE;
    this.#bytes.writeUInt16BE((isUnitStart ? 0x4000 : 0) | pid, start + 1);
    this.#bytes[start + 3] = (hasAdaptation ? 0x30 : 0x10) | counter;
    this.#size = start + packetBytes;
    return start + HEADER_BYTES;
  }

  #adapt(offset: number, sizeBytes: number, head: UnitHead): void {
    if (sizeBytes === 0) return;
    this.#bytes[offset] = sizeBytes - 1;
    if (sizeBytes === 1) return;
    const flags =
      (head.discontinuity ? 0x80 : 0) |
      (head.randomAccess ? 0x40 : 0) |
      (head.clockTicks === undefined ? 0 : 0x10);
    this.#bytes[offset + 1] = flags;
    let end = offset + 2;
    if (head.clockTicks !== undefined) {
      writeClock(this.#bytes, end, head.clockTicks);
      end += PCR_BYTES;
    }
    this.#bytes.fill(STUFFING, end, offset + sizeBytes);
  }
}

function adaptationBytes({ clockTicks, randomAccess, discontinuity }: UnitHead): number {
  if (clockTicks !== undefined) return 2 + PCR_BYTES;
  return randomAccess || discontinuity ? 2 : 0;
}

/** Program clock reference: 33 bits of 90 kHz, six reserved, an extension of 0. */
function writeClock(bytes: Buffer, offset: number, ticks: number): void {
  const wrapped = wrap33(ticks);
  bytes.writeUInt32BE(Math.floor(wrapped / 2), offset);
  bytes.writeUInt16BE((wrapped % 2) * 0x8000 + 0x7e00, offset + 4);
}

/** Time stamps have 33 bits: they wrap after 26.5 hours. */
export function wrap33(ticks: number): number {
  return ((ticks % WRAP_TICKS) + WRAP_TICKS) % WRAP_TICKS;
}
