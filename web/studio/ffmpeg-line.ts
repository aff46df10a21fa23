/** A line for a POSIX shell that sends `input.mp4` in real time, with a key frame every two seconds. */
export function ffmpegLine(rtmpUrl: string, streamKey: string): string {
  const address = `${rtmpUrl.replace(/\/+$/, '')}/${streamKey}`;
  return [
    'ffmpeg -re -stream_loop -1 -i input.mp4',
    '-c:v libx264 -preset veryfast -tune zerolatency -pix_fmt yuv420p -b:v 2500k -maxrate 2500k -bufsize 5000k',
    "-force_key_frames 'expr:gte(t,n_forced*2)' -c:a aac -b:a 128k -ar 44100",
    `-f flv ${quote(address)}`,
  ].join(' ');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
