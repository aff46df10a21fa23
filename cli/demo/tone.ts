const sampleRateHz = 48_000;
/** A soft fifth, and a short ping at each full second. */
const toneHz = [220, 330];
const toneLevel = 0.04;
const pingHz = 880;
const pingLevel = 0.15;
const pingSamples = 4800;

/** Writes the demo's sound from sample `from` on; both channels are the same. */
export function writeTone(samples: Float32Array, from: number): void {
  for (let index = 0; index < samples.length; index++) {
    const at = from + index;
    let value = 0;
    for (const hz of toneHz) value += Math.sin((2 * Math.PI * hz * at) / sampleRateHz) * toneLevel;
    const sincePing = at % sampleRateHz;
    if (sincePing < pingSamples) {
      const fade = 1 - sincePing / pingSamples;
      value += Math.sin((2 * Math.PI * pingHz * at) / sampleRateHz) * pingLevel * fade * fade;
    }
    samples[index] = value;
  }
}

export { sampleRateHz };
