import { connect } from 'node:net';

export type RespReply = string | number | null | RespReply[];

const answerMsMax = 5000;

/** Asks a Redis or sentinel of this machine one thing, as a person with a terminal would. */
export function askRedis(port: number, words: readonly string[], password?: string): Promise<RespReply> {
  const greeting = password === undefined ? '' : encode(['AUTH', password]);
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(greeting + encode(words)));
    let received = '';
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(answerMsMax, () => fail(new Error(`no answer to ${words[0]} on ${port}`)));
    socket.once('error', fail);
    socket.once('close', () => reject(new Error(`${port} closed the connection`)));
    socket.setEncoding('latin1').on('data', (data: string) => {
      received += data;
      const greeted = greeting && readReply(received, 0);
      const read = greeted === undefined ? undefined : readReply(received, greeted ? greeted.next : 0);
      if (!read) return;
      if (read.reply instanceof Error) return fail(read.reply);
      resolve(read.reply);
      socket.destroy();
    });
  });
}

function encode(words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

interface Read<Reply> {
  readonly reply: Reply;
  readonly next: number;
}

/** RESP2 (redis.io, "Redis serialization protocol"); undefined while something is missing. */
function readReply(text: string, at: number): Read<RespReply | Error> | undefined {
  const end = text.indexOf('\r\n', at);
  if (end < 0) return undefined;
  const [kind, rest, next] = [text[at], text.slice(at + 1, end), end + 2];
  if (kind === '+') return { reply: rest, next };
  if (kind === '-') return { reply: new Error(rest), next };
  if (kind === ':') return { reply: Number(rest), next };
  const count = Number(rest);
  if (count < 0) return { reply: null, next };
  if (kind === '*') return readList(text, next, count);
  return text.length < next + count + 2
    ? undefined
    : { reply: text.slice(next, next + count), next: next + count + 2 };
}

function readList(text: string, at: number, count: number): Read<RespReply> | undefined {
  const list: RespReply[] = [];
  let next = at;
  for (let index = 0; index < count; index++) {
    const read = readReply(text, next);
    if (!read) return undefined;
    list.push(read.reply instanceof Error ? read.reply.message : read.reply);
    next = read.next;
  }
  return { reply: list, next };
}
