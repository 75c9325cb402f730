import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MB } from '../support/big-picture.ts';
import { freePort } from '../support/ports.ts';
import { BENCH_KEY, startBenchedGateway } from './gateway.ts';

export interface HitRow {
  readonly name: string;
  readonly medianMs: number;
  /** To nginx, which has the same bytes in its cache. */
  readonly ratio: string;
}

const SIZES = [
  { name: '1.6 MB', pictureBytes: 1.6 * MB, rounds: 120 },
  { name: '20 MB', pictureBytes: 20 * MB, rounds: 24 },
] as const;
const PATH = '/v1beta/models/gemini-3.1-flash-image:generateContent';
const BODY = JSON.stringify({
  contents: [{ parts: [{ text: 'a picture' }] }],
  generationConfig: { seed: 7, responseModalities: ['IMAGE'] },
});

interface Cache {
  readonly name: string;
  readonly url: string;
}

/**
 * The same reply out of our cache and out of that of nginx (`proxy_cache`), asked for in turns by one caller who keeps
 * its connection. Nginx sends a file with `sendfile` and looks into nothing; ours passes authentication, limits, policy
 * and the ledger of savings.
 */
export async function benchHits(): Promise<HitRow[]> {
  const rows: HitRow[] = [];
  for (const { name, pictureBytes, rounds } of SIZES) {
    const options = { pictureBytes, signatureBytes: 1_000, when: 'repeatable' } as const;
    const memory = await startBenchedGateway(options);
    const disk = await startBenchedGateway({ ...options, memoryBytes: 1 });
    const nginx = await startNginx(memory.upstreamUrl);
    try {
      const caches: readonly Cache[] = [
        { name: 'nginx proxy_cache', url: nginx.url },
        { name: 'from memory', url: memory.url },
        { name: 'from disk', url: disk.url },
      ];
      const medians = await inTurns(caches, rounds);
      for (const [index, cache] of caches.entries())
        rows.push({
          name: `${name} hit: ${cache.name}`,
          medianMs: medians[index]!,
          ratio: (medians[index]! / medians[0]!).toFixed(2),
        });
    } finally {
      await nginx.close();
      await memory.close();
      await disk.close();
    }
  }
  return rows;
}

async function inTurns(caches: readonly Cache[], rounds: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const times = caches.map((): number[] => []);
  try {
    // The first is a miss; a few more until it is warm, and written where it is kept.
    for (const { url } of caches) for (let warm = 0; warm < 10; warm += 1) await fetchOnce(agent, url);
    for (const { name, url } of caches) {
      const { cached } = await fetchOnce(agent, url);
      if (!/hit/i.test(cached)) throw new Error(`${name} has no hit: ${cached}`);
    }
    for (let round = 0; round < rounds; round += 1)
      for (const [index, { url }] of caches.entries()) {
        const startedAt = performance.now();
        await fetchOnce(agent, url);
        times[index]!.push(performance.now() - startedAt);
      }
  } finally {
    agent.destroy();
  }
  return times.map((each) => each.toSorted((a, b) => a - b)[each.length >> 1]!);
}

async function fetchOnce(agent: Agent, url: string): Promise<{ readonly cached: string }> {
  const sent = request(`${url}${PATH}`, {
    agent,
    method: 'POST',
    headers: { 'x-goog-api-key': BENCH_KEY, 'content-type': 'application/json' },
  });
  sent.end(BODY);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}`);
  return { cached: String(answer.headers['cache-status'] ?? answer.headers['x-cache'] ?? '') };
}

/** Nginx of the machine (Debian: `nginx-light`), before the same vendor, with a cache of its own. */
async function startNginx(upstreamUrl: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'plantain-bench-nginx-'));
  const port = await freePort();
  writeFileSync(join(directory, 'nginx.conf'), configOf(port, upstreamUrl));
  const child = spawn('nginx', ['-p', directory, '-c', 'nginx.conf', '-e', 'error.log'], { stdio: 'inherit' });
  const ended = once(child, 'close');
  ended.catch(() => undefined);
  const url = `http://127.0.0.1:${port}`;
  await listening(url, child);
  return {
    url,
    async close() {
      child.kill('SIGTERM');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configOf(port: number, upstreamUrl: string): string {
  return `daemon off;
worker_processes 1;
pid nginx.pid;
${process.getuid?.() === 0 ? 'user root;' : ''}
events {}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  proxy_cache_path cache levels=1:2 keys_zone=pictures:10m max_size=2g inactive=1h use_temp_path=off;
  server {
    listen 127.0.0.1:${port};
    location = /up { return 204; }
    location / {
      proxy_pass ${upstreamUrl};
      proxy_cache pictures;
      proxy_cache_methods POST;
      proxy_cache_key $request_uri$request_body;
      proxy_cache_valid 200 1h;
      add_header x-cache $upstream_cache_status;
    }
  }
}
`;
}

async function listening(url: string, child: ReturnType<typeof spawn>): Promise<void> {
  const failures: unknown[] = [];
  child.once('error', (error) => failures.push(error));
  for (let attempt = 0; attempt < 100 && failures.length === 0 && child.exitCode === null; attempt += 1) {
    const answer = await fetch(`${url}/up`).catch(() => null);
    if (answer?.status === 204) return;
    await sleep(50);
  }
  throw new Error("nginx does not start: it is Debian's package nginx-light", { cause: failures[0] });
}
