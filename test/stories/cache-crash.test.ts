import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { newDirectory, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess } from '../support/process.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply } from '../support/wire.ts';

const KEY = 'sk-crash-acme';
const UPSTREAM_KEY = 'upstream-secret-crash';
const ROUNDS = process.env['PLANTAIN_TEST_LONG'] === undefined ? 20 : 100;
const SEEDS_A_ROUND = 12;

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 200_000, keys: [UPSTREAM_KEY] });
});
afterAll(() => simulator.close());

async function start(directory: string): Promise<GatewayProcess> {
  const gateway = startProcess({ directory, args: ['--config', 'my.yaml'], env: { VENDOR_KEY: UPSTREAM_KEY } });
  await gateway.ready();
  return gateway;
}

interface Got {
  readonly isHit: boolean;
  readonly picture: string;
}

async function ask(gateway: GatewayProcess, seed: number, onlyIfCached: boolean): Promise<Got | null> {
  const reply = await fetch(`${gateway.url}/v1/images/generations`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      ...(onlyIfCached && { 'cache-control': 'only-if-cached' }),
    },
    body: JSON.stringify({ prompt: 'a heron', image_size: '512', seed }),
  });
  if (reply.status !== 200) return null;
  const isHit = reply.headers.get('cache-status')?.startsWith('Plantain; hit') ?? false;
  return { isHit, picture: (await bodyOf<ImagesReply>(reply)).data[0]!.b64_json };
}

function files(directory: string, folder: string): string[] {
  return readdirSync(join(directory, 'data/cache', folder), { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ name }) => name);
}

function catalogued(directory: string): string[] {
  const db = new DatabaseSync(join(directory, 'data/cache/catalogue.db'), { readOnly: true });
  try {
    return db
      .prepare('SELECT digest FROM blob')
      .all()
      .map(({ digest }) => String(digest));
  } finally {
    db.close();
  }
}

test(
  'kill -9 while pictures are stored: after the restart every hit is byte-exact, and nothing half-written is left',
  { timeout: 900_000 },
  async () => {
    const directory = newDirectory();
    writeConfig(directory, {
      upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: simulator.url, keyFrom: 'VENDOR_KEY' }],
      models: [
        {
          id: 'gemini-3.1-flash-image',
          targets: [{ upstream: 'vendor', model: 'gemini-3.1-flash-image', price: { perImageUsd: 0.05 } }],
        },
      ],
      // So little that entries make room for others all the time.
      cache: { diskBytes: 3_000_000, memoryBytes: 1 },
      // All of it is for pictures.
      retention: { signatureDays: 0 },
      tenants: [{ id: 'acme', keys: [{ key: KEY }] }],
    });
    /** What was drawn for a seed: the simulator draws it the same way each time. */
    const truth = new Map<number, string>();
    const note = (seed: number, got: Got | null): void => {
      if (got === null) return;
      expect(got.picture).toBe(truth.get(seed) ?? got.picture);
      truth.set(seed, got.picture);
    };
    let hits = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const gateway = await start(directory);
      expect(files(directory, 'tmp')).toEqual([]);
      for (const seed of [...truth.keys()].slice(-SEEDS_A_ROUND)) {
        const got = await ask(gateway, seed, true);
        note(seed, got);
        if (got !== null) hits += 1;
      }
      // It dies at another moment of the storing in each round: when so many of these are answered.
      const seeds = Array.from({ length: SEEDS_A_ROUND }, (_, index) => round * SEEDS_A_ROUND + index);
      let answered = 0;
      const killed = Promise.withResolvers<void>();
      const asked = seeds.map(async (seed) => {
        const got = await ask(gateway, seed, false).catch(() => null);
        note(seed, got);
        answered += 1;
        if (answered === 1 + (round % (SEEDS_A_ROUND - 1))) killed.resolve();
      });
      await killed.promise;
      gateway.kill('SIGKILL');
      expect(await gateway.ended).toBe('SIGKILL');
      await Promise.all(asked);
    }
    expect(hits).toBeGreaterThan(ROUNDS);

    const gateway = await start(directory);
    // The sweep begins some seconds after the start.
    await expect
      .poll(() => files(directory, 'blobs').toSorted(), { interval: 200 })
      .toEqual(catalogued(directory).toSorted());
    expect(files(directory, 'tmp')).toEqual([]);
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    expect(gateway.stdout()).not.toContain('"trouble"');
  },
);
