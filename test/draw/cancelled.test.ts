import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { Entries } from '../../src/cache/entry.ts';
import { MemoryStore } from '../../src/cache/memory-store.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import { drawPicture } from '../../src/draw.ts';
import type { DrawParts } from '../../src/draw.ts';
import { BUILT_IN_MODELS } from '../../src/image/model.ts';
import { createLog } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics.ts';
import { KeyPauses } from '../../src/tenants/pause.ts';
import { UpstreamHealth } from '../../src/upstreams/health.ts';
import { Regions } from '../../src/wire/regions.ts';
import { draw } from '../cache/samples.ts';
import { idleBookkeeping } from '../support/idle-bookkeeping.ts';

const none = (): undefined => undefined;

/** Everything a flight needs, an upstream nobody may ask, and what was done to the ledger. */
function parts(): { readonly parts: DrawParts; readonly done: string[] } {
  const done: string[] = [];
  const store = new MemoryStore({ maxBytes: 1 << 20, scopeBytes: 1 << 20, now: Date.now, onEvict: none });
  const shelf = new Shelf({ tiers: [store], now: Date.now, onTrouble: none });
  const zero = (): number => 0;
  const gauges = { flights: zero, waiters: zero, detached: zero, tasks: zero, bytesInFlight: zero, keysPaused: zero };
  const rest = { cacheBytes: () => [], stateUp: () => true, untold: zero, budgets: async () => [] };
  return {
    done,
    parts: {
      entries: new Entries({ shelf, parseAnswer: gemini.parseAnswer, now: Date.now, onTrouble: none }),
      state: {
        reserve: async () => undefined,
        settle: async (_id, nanos, outcome) => void done.push(`settle ${outcome} ${nanos}`),
        release: async (_id, outcome) => void done.push(`release ${outcome}`),
        spent: async () => [],
        ...idleBookkeeping,
        trouble: () => null,
        close: async () => undefined,
      },
      upstreams: new Map([
        [
          'vendor',
          {
            client: {
              id: 'vendor',
              generate: () => Promise.reject(new Error('it was asked')),
              close: async () => undefined,
            },
            sizeNames: {},
            family: 'gemini',
            abandonAfterMs: () => 1_000,
            answerWithinMs: () => 1_000,
            health: new UpstreamHealth({ keys: ['key'], repeats: 0, spares: false, opened: none, closed: none }),
          },
        ],
      ]),
      dialect: gemini,
      metrics: createMetrics({ version: 'test', simulator: true, store: 'embedded', gauges: { ...gauges, ...rest } }),
      log: createLog('silent', new Writable({ write: (_line, _encoding, next) => next() })),
      pauses: new KeyPauses({ now: Date.now }),
      now: Date.now,
      admit: async () => none,
      regions: new Regions({ spareBytes: 0 }),
    },
  };
}

function job(reserve: () => Promise<void>, givenUp: AbortSignal): Parameters<typeof drawPicture>[1] {
  const model = BUILT_IN_MODELS[0]!;
  const cache = { scope: 'acme', when: null, ttlSeconds: null };
  return {
    draw: draw({ model: model.id, tier: '1K' }),
    key: { scope: 'acme', digest: 'a'.repeat(64) },
    decision: {
      read: false,
      store: false,
      join: false,
      maxAgeSeconds: null,
      staleIfErrorSeconds: 0,
      ttlSeconds: 0,
      onlyIfCached: false,
      bypass: 'never',
    },
    model: { ...model, targets: [{ upstream: 'vendor', model: model.id, price: { perImageUsd: 0.05 } }] },
    caller: { tenant: { id: 'acme', models: null, budgets: [], limits: null, cache }, keyId: 'k1' },
    user: null,
    tags: {},
    reserve,
    givenUp,
    lease: null,
    tell: null,
  };
}

test('a picture that is given up before its money is taken takes none', async () => {
  const { parts: all, done } = parts();
  const asked: string[] = [];
  const drawing = drawPicture(
    all,
    job(async () => void asked.push('reserve'), AbortSignal.abort()),
  );
  await expect(drawing).rejects.toMatchObject({ failure: 'upstream_failed', detail: { code: 'cancelled' } });
  expect([asked, done]).toEqual([[], []]);
});

test('a picture that is given up while its money is being taken gets all of it back: nothing was sent', async () => {
  const { parts: all, done } = parts();
  const givenUp = new AbortController();
  const drawing = drawPicture(
    all,
    job(async () => givenUp.abort(), givenUp.signal),
  );
  await expect(drawing).rejects.toMatchObject({ detail: { code: 'cancelled' } });
  await drawing.catch((error: { detail: { costNanos?: number } }) => expect(error.detail.costNanos).toBeUndefined());
  expect(done).toEqual(['release released']);
});
