import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { newReply, replyNamed } from './replies.ts';
import type { Mood, Question } from './upstream.ts';

let mood: Mood = { reply: 'tiny', delayMs: 0 };
let calls = 0;
let held: (() => void)[] = [];
let inTheAir = 0;
let most = 0;

/** Reads no more of a request than where it ends: its length, or its last chunk. */
function serve(socket: Socket): void {
  let head = '';
  let left = 0;
  let isChunked = false;
  let closes = false;
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    if (isChunked) {
      if (bytes.subarray(-5).toString('latin1') === '0\r\n\r\n') end();
      return;
    }
    if (left > 0) {
      left -= bytes.length;
      if (left <= 0) end();
      return;
    }
    head += bytes.toString('latin1');
    const at = head.indexOf('\r\n\r\n');
    if (at < 0) return;
    const fields = head.slice(0, at).toLowerCase();
    const body = head.length - at - 4;
    const last = head.slice(-5);
    head = '';
    closes = fields.includes('\r\nconnection: close') || fields.split('\r\n', 1)[0]!.endsWith('http/1.0');
    isChunked = fields.includes('\r\ntransfer-encoding: chunked');
    left = Number(/\r\ncontent-length: *(\d+)/.exec(fields)?.[1] ?? 0) - body;
    if (fields.includes('\r\nexpect: 100-continue')) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    if (isChunked ? last === '0\r\n\r\n' : left <= 0) end();
  });
  function end(): void {
    [left, isChunked] = [0, false];
    calls += 1;
    inTheAir += 1;
    most = Math.max(most, inTheAir);
    if (mood.delayMs === null) held.push(answer);
    else if (mood.delayMs === 0) answer();
    else setTimeout(answer, mood.delayMs);
  }
  function answer(): void {
    const reply = mood.isVaried === true ? newReply(mood.reply) : replyNamed(mood.reply);
    inTheAir -= 1;
    if (closes) socket.end(reply.closing);
    else socket.write(reply.keeping);
  }
}

const server = createServer(serve);
server.listen({ host: '127.0.0.1', port: 0, backlog: 16_384 }, () =>
  process.send?.((server.address() as AddressInfo).port),
);
process.on('message', (question: Question) => {
  if (question === 'calls') {
    process.send?.(calls);
    calls = 0;
    return;
  }
  if (question === 'most') {
    process.send?.(most);
    most = inTheAir;
    return;
  }
  mood = question;
  replyNamed(mood.reply);
  if (mood.delayMs !== null) {
    for (const answer of held) answer();
    held = [];
  }
  process.send?.(0);
});
process.once('disconnect', () => process.exit());
