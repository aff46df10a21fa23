import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { describeWithEngines } from '../../test/engines.ts';
import { readFlvTags } from '../fixtures/flv.ts';
import { FlvUnitReader, type AccessUnit, type TrackConfig } from '../mp4/index.ts';
import {
  HlsMemory,
  HlsMuxer,
  parseFileName,
  renderMediaPlaylist,
  resolveFile,
  type HlsContainer,
} from './index.ts';
import { parseMediaPlaylist } from './parsed-playlist.ts';
import { validateMediaPlaylist } from './validator.ts';

const ROUNDS = 4;
const ROUND_MS = 2100;

/** The fixture again and again, as one broadcast. */
function readBroadcast(): { tracks: TrackConfig[]; units: AccessUnit[] } {
  const reader = new FlvUnitReader();
  const units: AccessUnit[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const tag of readFlvTags()) {
      const { unit } = reader.read(tag, tag.timestampMs + round * ROUND_MS);
      if (unit) units.push(unit);
    }
  }
  return { tracks: reader.configs, units: units.toSorted((a, b) => a.dtsMs - b.dtsMs) };
}

/** Goal: a program that is not ours plays what is listed. Method: ffprobe follows a playlist to its end. */
describeWithEngines('playlists in ffprobe', ['ffmpeg'], ({ ffmpeg }) => {
  const folder = mkdtempSync(join(tmpdir(), 'gala-hls-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each<[HlsContainer, number]>([
    ['fmp4', 500],
    ['mpegts', 0],
  ])('%s with parts of %i ms: every unit, in order, without a word', (container, partMs) => {
    const { tracks, units } = readBroadcast();
    const muxer = new HlsMuxer({ container, partMs, segmentMs: 1000 });
    const memory = new HlsMemory();
    memory.apply(muxer.begin(tracks, 0));
    for (const unit of units) memory.apply(muxer.push(unit, unit.dtsMs));
    memory.apply(muxer.end(0));
    const text = renderMediaPlaylist(muxer.state, { container });
    expect(validateMediaPlaylist(text)).toEqual([]);
    const names = parseMediaPlaylist(text).segments.flatMap(({ uri, map }) => [uri ?? '', map]);
    for (const name of new Set(names.filter((name) => name !== ''))) {
      const chunks = memory.read(resolveFile(parseFileName(name, container)!, muxer.state));
      writeFileSync(join(folder, name), Buffer.concat(chunks ?? []));
    }
    const playlist = join(folder, `${container}.m3u8`);
    writeFileSync(playlist, text);
    const args = ['-v', 'warning', '-show_packets', '-of', 'json', playlist];
    const probed = spawnSync(join(dirname(ffmpeg), 'ffprobe'), args, { maxBuffer: 16 * 1024 * 1024 });
    expect([probed.status, probed.stderr.toString()]).toEqual([0, '']);
    const { packets }: { packets: { codec_type: string; dts_time: string }[] } = JSON.parse(
      probed.stdout.toString(),
    );
    for (const kind of ['video', 'audio']) {
      const times = packets
        .filter(({ codec_type }) => codec_type === kind)
        .map(({ dts_time }) => Number(dts_time));
      expect(times.length).toBe(units.filter((unit) => unit.kind === kind).length);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
    const decoded = spawnSync(ffmpeg, ['-v', 'warning', '-xerror', '-i', playlist, '-f', 'null', '-']);
    expect([decoded.status, decoded.stderr.toString()]).toEqual([0, '']);
  });
});
