import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { pngOf, replyWith } from '../support/big-picture.ts';
import { freePort } from '../support/ports.ts';
import type { Probed } from './probe.ts';

export const BENCH_KEY = 'sk-bench';
const ROOT = resolve(import.meta.dirname, '../..');
/** As in `npm start`. */
const NODE_FLAGS = ['--max-semi-space-size=8'];
const SMALL_BYTES = 10_000;

export interface BenchedGateway {
  readonly url: string;
  /** Of the vendor behind it. */
  readonly upstreamUrl: string;
  /** A new picture, or the one of that seed, received to its end and thrown away. */
  ask(size: 'small' | 'large', seed?: number): Promise<void>;
  probe(): Promise<Probed>;
  close(): Promise<void>;
}

export interface BenchOptions {
  /** Of the large picture, and of the thought signature beside it. */
  readonly pictureBytes: number;
  readonly signatureBytes: number;
  readonly when: 'never' | 'repeatable';
  /** Of pictures kept in memory; absent: as configured by itself. */
  readonly memoryBytes?: number;
  /** A checkout to measure instead of this one. */
  readonly root?: string | undefined;
}

/** A gateway in a process of its own, as `npm start` runs it; vendor and callers are in this one. */
export async function startBenchedGateway(options: BenchOptions): Promise<BenchedGateway> {
  const { pictureBytes, signatureBytes, when, memoryBytes, root = ROOT } = options;
  const replies = {
    small: replyWith(pngOf(SMALL_BYTES)),
    large: replyWith(pngOf(pictureBytes), randomBytes(signatureBytes)),
  };
  const upstream = createServer((incoming, response) => void draw(incoming).then((reply) => send(response, reply)));
  const draw = async (incoming: IncomingMessage): Promise<readonly Buffer[]> =>
    (await textOf(incoming)).includes('small') ? replies.small : replies.large;
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');

  const directory = mkdtempSync(join(tmpdir(), 'plantain-bench-'));
  const port = await freePort();
  const { port: upstreamPort } = upstream.address() as AddressInfo;
  const config = configOf({ directory, port, operationsPort: await freePort(), upstreamPort, when, memoryBytes });
  writeFileSync(join(directory, 'bench.yaml'), stringify(config));
  const child = fork(join(root, 'src/start.js'), ['--config', 'bench.yaml'], {
    cwd: directory,
    execArgv: [...NODE_FLAGS, '--import', join(import.meta.dirname, 'probe.ts')],
    env: { ...process.env, VENDOR_KEY: 'upstream-secret' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const ended = once(child, 'close');
  const listens = new Promise<void>((ready) => {
    child.stdout?.on('data', (said: Buffer) => said.includes('Plantain listens on') && ready());
  });
  const early = ended.then(([code]) => Promise.reject(new Error(`the gateway ended with ${code}`)));
  early.catch(() => undefined);
  await Promise.race([listens, early]);

  const agent = new Agent({ keepAlive: true });
  return {
    url: `http://127.0.0.1:${port}`,
    upstreamUrl: `http://127.0.0.1:${upstreamPort}`,
    async ask(size, seed) {
      const sent = request(`http://127.0.0.1:${port}/v1/images/generations`, {
        agent,
        method: 'POST',
        headers: { authorization: `Bearer ${BENCH_KEY}`, 'content-type': 'application/json' },
      });
      sent.end(JSON.stringify({ prompt: size, seed }));
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      answer.resume();
      await once(answer, 'end');
      if (answer.statusCode !== 200) throw new Error(`the gateway answered ${answer.statusCode}`);
    },
    async probe() {
      child.send('probe');
      const [probed] = (await once(child, 'message')) as [Probed];
      return probed;
    },
    async close() {
      agent.destroy();
      child.kill('SIGTERM');
      await ended;
      upstream.close();
      upstream.closeAllConnections();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

function send(response: ServerResponse, reply: readonly Buffer[]): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  for (const piece of reply) response.write(piece);
  response.end();
}

function configOf(given: {
  readonly directory: string;
  readonly port: number;
  readonly operationsPort: number;
  readonly upstreamPort: number;
  readonly when: string;
  readonly memoryBytes: number | undefined;
}) {
  const model = 'gemini-3.1-flash-image';
  return {
    dataDir: given.directory,
    listen: { host: '127.0.0.1', port: given.port },
    operations: { host: '127.0.0.1', port: given.operationsPort },
    cache: { when: given.when, ...(given.memoryBytes !== undefined && { memoryBytes: given.memoryBytes }) },
    upstreams: [
      { id: 'vendor', kind: 'gemini', baseUrl: `http://127.0.0.1:${given.upstreamPort}`, keyFrom: 'VENDOR_KEY' },
    ],
    models: [{ id: model, targets: [{ upstream: 'vendor', model, price: { perImageUsd: 0.05 } }] }],
    tenants: [{ id: 'bench', keys: [{ key: BENCH_KEY }] }],
  };
}
