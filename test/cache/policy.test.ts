import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  type CacheWhen,
  cacheStatus,
  decide,
  type Decision,
  notCached,
  parseCacheControl,
} from '../../src/cache/policy.ts';
import type { Draw } from '../../src/image/request.ts';
import { draw, textPart, userTurn } from './samples.ts';

function decision(
  fields: Partial<Draw>,
  cacheControl?: string,
  when: CacheWhen = 'repeatable',
  ttlSeconds = 60,
): Decision {
  const directives = parseCacheControl(cacheControl);
  return decide({ draw: draw(fields), when, directives, ttlSeconds, staleIfErrorSeconds: 300 });
}

const fileData = { fileData: { fileUri: 'https://example.test/v1beta/files/abc', mimeType: 'image/png' } };
const search = { seed: 1, tools: [{ googleSearch: {} }] };
const foreign = { seed: 1, turns: [userTurn(textPart('edit'), { kind: 'other', fields: fileData })] };

describe('parseCacheControl', () => {
  it.each([
    [undefined, {}],
    ['', {}],
    ['no-store', { noStore: true }],
    ['No-Cache', { noCache: true }],
    ['only-if-cached, max-age=3600', { onlyIfCached: true, maxAgeSeconds: 3600 }],
    ['MAX-AGE="60"', { maxAgeSeconds: 60 }],
    ['max-age = 5 ,no-store', { maxAgeSeconds: 5, noStore: true }],
    ['max-age=0', { maxAgeSeconds: 0 }],
    ['max-age=60, max-age=5', { maxAgeSeconds: 5 }],
    ['max-age=99999999999999999999', { maxAgeSeconds: 2 ** 31 }],
    ['max-age=-1', {}],
    ['max-age=1.5', {}],
    ['max-age=soon', {}],
    ['max-age', {}],
    ['stale-if-error=30', { staleIfErrorSeconds: 30 }],
    ['stale-if-error=30, stale-if-error="4"', { staleIfErrorSeconds: 4 }],
    ['stale-if-error, max-age=5', { maxAgeSeconds: 5 }],
    ['no-transform, min-fresh=3, max-stale', {}],
    ['x="no-store, max-age=3"', {}],
    ['x="a no-store b"', {}],
    ['"no-store"', {}],
    ['no-storefront, xno-cache', {}],
    [',,;=  , no-cache ,;', { noCache: true }],
  ])('reads %j', (header, expected) => {
    const none = {
      noStore: false,
      noCache: false,
      onlyIfCached: false,
      maxAgeSeconds: null,
      staleIfErrorSeconds: null,
    };
    expect(parseCacheControl(header)).toEqual({ ...none, ...expected });
  });

  it('takes whatever comes', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        const { maxAgeSeconds } = parseCacheControl(header);
        expect(maxAgeSeconds === null || maxAgeSeconds >= 0).toBe(true);
      }),
    );
  });

  it('takes time in proportion to the header, quotes or not', () => {
    for (const evil of ['"', '\\"', 'a=', ' ', '="', 'a ']) parseCacheControl(evil.repeat(50_000));
  });
});

describe('a draw', () => {
  it.each<[string, Partial<Draw>, boolean]>([
    ['with a seed', { seed: 0 }, true],
    ['with temperature 0', { temperature: 0 }, true],
    ['with neither', { temperature: 1 }, false],
    ['that searches', search, false],
    ['that reads a URL', { seed: 1, tools: [{ urlContext: {} }] }, false],
    ['with a tool nobody knows yet', { seed: 1, tools: [{ dreamJournal: {} }] }, false],
    ['that calls functions', { seed: 1, tools: [{ functionDeclarations: [] }, { codeExecution: {} }] }, true],
    ['that names a foreign file', foreign, false],
    [
      'that names one inside what a function answered',
      { seed: 1, turns: [userTurn({ kind: 'other', fields: { functionResponse: { parts: [fileData] } } })] },
      false,
    ],
    ['whose system words name one', { seed: 1, system: userTurn({ kind: 'other', fields: fileData }) }, false],
    [
      'over cached content',
      { seed: 1, more: { request: { cachedContent: 'cachedContents/x' }, generationConfig: {}, imageConfig: {} } },
      false,
    ],
  ])('%s is repeatable or not', (_words, fields, expected) => {
    expect(decision(fields).read).toBe(expected);
  });
});

describe('decide', () => {
  it('reads, stores and joins what is repeatable', () => {
    expect(decision({ seed: 7 })).toEqual({
      read: true,
      maxAgeSeconds: null,
      staleIfErrorSeconds: 300,
      store: true,
      ttlSeconds: 60,
      join: true,
      onlyIfCached: false,
      bypass: null,
    });
  });

  it.each<[string, Decision, Decision['bypass']]>([
    ['no seed', decision({}), 'no-seed'],
    ['a tool that searches', decision(search), 'tools'],
    ['a foreign file', decision(foreign), 'remote-content'],
    ['no-store, even under always', decision({ seed: 1 }, 'no-store', 'always'), 'no-store'],
    ['never, whatever the caller consents to', decision({ seed: 1 }, 'max-age=60', 'never'), 'never'],
    ['consent, which does not cover a search', decision(search, 'max-age=60'), 'tools'],
    ['max-age=0, which consents to nothing', decision({}, 'max-age=0'), 'no-seed'],
    ['no-cache without a seed', decision({}, 'no-cache'), 'no-seed'],
  ])('keeps out of it for %s', (_words, made, bypass) => {
    expect(made).toMatchObject({ read: false, store: false, join: false, bypass });
  });

  it('takes max-age for consent, and for the oldest answer accepted', () => {
    const accepted = { read: true, store: true, join: true, maxAgeSeconds: 60, bypass: null };
    expect(decision({}, 'max-age=60')).toMatchObject(accepted);
    expect(decision({ seed: 1 }, 'max-age=60')).toMatchObject(accepted);
  });

  it('takes always for every request', () => {
    for (const fields of [{}, search, foreign]) {
      expect(decision(fields, undefined, 'always')).toMatchObject({ read: true, store: true, join: true });
    }
  });

  it('does not read under no-cache, but joins and stores', () => {
    expect(decision({ seed: 1 }, 'no-cache')).toMatchObject({
      read: false,
      store: true,
      join: true,
      bypass: 'no-cache',
    });
  });

  it.each<[string | undefined, number]>([
    [undefined, 300],
    ['stale-if-error=0', 0],
    ['stale-if-error=299', 299],
    ['stale-if-error=301', 300],
    ['no-cache, stale-if-error=60', 0],
    ['no-store, stale-if-error=60', 0],
  ])('lets a picture past its time stand in under %s for %i s', (directive, seconds) => {
    expect(decision({ seed: 1 }, directive).staleIfErrorSeconds).toBe(seconds);
    expect(decision({}, directive).staleIfErrorSeconds).toBe(0);
  });

  it('stores nothing for a time to live of zero', () => {
    expect(decision({ seed: 1 }, undefined, 'repeatable', 0)).toMatchObject({ read: true, store: false, join: true });
  });
});

describe('only-if-cached', () => {
  it('is refused in words that say why there is no stored answer', () => {
    const miss = decision({ seed: 1 }, 'only-if-cached');
    expect(miss.onlyIfCached).toBe(true);
    expect(notCached(miss)).toMatchObject({ failure: 'not_cached', status: 504, detail: { retry: false } });
    expect(notCached(miss).message).toContain('no answer to this request is stored');
    expect(notCached(decision({}, 'only-if-cached')).message).toContain('seed');
  });
});

describe('cacheStatus', () => {
  const seeded = decision({ seed: 1 });
  const miss = { hit: null, collapsed: false, stored: false };

  it.each([
    [cacheStatus(seeded, { ...miss, hit: { ttlSeconds: 604_795, isStale: false } }), 'Plantain; hit; ttl=604795'],
    [
      cacheStatus(seeded, { ...miss, hit: { ttlSeconds: -412, isStale: true } }),
      'Plantain; hit; ttl=-412; detail="stale-if-error"',
    ],
    [cacheStatus(seeded, { ...miss, stored: true }), 'Plantain; fwd=miss; stored'],
    [cacheStatus(seeded, miss), 'Plantain; fwd=miss'],
    [cacheStatus(seeded, { ...miss, collapsed: true }), 'Plantain; fwd=miss; collapsed'],
    [cacheStatus(decision({}), miss), 'Plantain; fwd=bypass; detail="no-seed"'],
    [cacheStatus(decision({}), { ...miss, collapsed: true }), 'Plantain; fwd=bypass; collapsed; detail="no-seed"'],
    [cacheStatus(decision({ seed: 1 }, 'no-store'), miss), 'Plantain; fwd=bypass; detail="no-store"'],
    [
      cacheStatus(decision({ seed: 1 }, 'no-cache'), { ...miss, stored: true }),
      'Plantain; fwd=request; stored; detail="no-cache"',
    ],
  ])('says %s', (said, expected) => {
    expect(said).toBe(expected);
  });
});
