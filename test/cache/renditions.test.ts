import { describe, expect, test } from 'vitest';
import { createRenditions } from '../../src/cache/renditions.ts';
import type { RenditionWish } from '../../src/cache/renditions.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import type { Drawn } from '../../src/image/answer.ts';
import { checkPicture } from '../../src/image/picture.ts';
import { encodeBase64 } from '../../src/wire/base64.ts';
import { samples } from '../image/samples.ts';
import { START } from './entries.ts';
import { drawn } from './samples.ts';
import { memoryStore } from './stores.ts';

const png = (await samples()).get('png')!.bytes;

async function picture(): Promise<Drawn> {
  return { ...drawn(), picture: { data: await encodeBase64(png), info: await checkPicture(png) } };
}

function renditions() {
  const { store } = memoryStore();
  const shelf = new Shelf({ tiers: [store], now: () => START, onTrouble: () => undefined });
  return { store, renditions: createRenditions({ shelf, now: () => START }) };
}

const WEBP: RenditionWish = { format: 'webp', compression: null, scope: 'acme', ttlSeconds: 60 };

describe('a rendition', () => {
  test('is kept in the scope it was made for, found there by its source’s bytes, and for as long as its source', async () => {
    const { store, renditions: made } = renditions();
    const first = await made.of(await picture(), WEBP);
    expect(first.info.type).toBe('webp');
    // Another object with the same bytes, as after a restart.
    const again = await made.of(await picture(), WEBP);
    expect(again.data.text()).toBe(first.data.text());
    expect(again.info).toEqual(first.info);
    expect(await store.stats()).toMatchObject([{ scope: 'acme', entries: 1, hits: 1 }]);
  });

  test('of one scope is not looked for by another', async () => {
    const { store, renditions: made } = renditions();
    const first = await made.of(await picture(), WEBP);
    const other = await made.of(await picture(), { ...WEBP, scope: 'zeta' });
    expect(other.data.text()).toBe(first.data.text());
    expect(await store.stats()).toMatchObject([
      { scope: 'acme', entries: 1, hits: 0 },
      { scope: 'zeta', entries: 1, hits: 0 },
    ]);
  });

  test('of each format and compression is another', async () => {
    const { store, renditions: made } = renditions();
    const source = await picture();
    for (const wish of [WEBP, { ...WEBP, compression: 50 }, { ...WEBP, format: 'jpeg' as const }])
      await made.of(source, wish);
    expect(await store.stats()).toMatchObject([{ entries: 3, hits: 0 }]);
  });

  test('of the very pixels asked for is another, cropped around the middle, and none where it has them', async () => {
    const { store, renditions: made } = renditions();
    const source = await picture();
    const { width, height } = source.picture.info;
    const plain = { ...WEBP, format: null };
    for (const exact of [
      { width: 10, height },
      { width: 10, height: 40 },
      { width: 100, height: 100 },
    ])
      expect((await made.of(source, { ...plain, exact })).info).toMatchObject({ type: 'png', ...exact });
    expect(await made.of(source, { ...plain, exact: { width, height } })).toBe(source.picture);
    expect((await made.of(source, { ...WEBP, exact: { width: 9, height: 8 } })).info).toMatchObject({
      type: 'webp',
      width: 9,
      height: 8,
    });
    expect(await store.stats()).toMatchObject([{ entries: 4, hits: 0 }]);
  });

  test('of each width is another, in the format of its source, and none where that is no wider', async () => {
    const { store, renditions: made } = renditions();
    const source = await picture();
    const { width } = source.picture.info;
    const narrower = { ...WEBP, format: null, width: width - 1 };
    const small = await made.of(source, narrower);
    expect([small.info.width, small.info.type]).toEqual([width - 1, 'png']);
    expect((await made.of(source, narrower)).data.text()).toBe(small.data.text());
    expect((await made.of(source, { ...WEBP, width: width - 1 })).info).toMatchObject({
      type: 'webp',
      width: width - 1,
    });
    expect(await store.stats()).toMatchObject([{ entries: 2, hits: 1 }]);
    expect(await made.of(source, { ...narrower, width })).toBe(source.picture);
    expect((await made.of(source, { ...WEBP, width })).info.width).toBe(width);
  });

  test('of a picture that is not kept is not kept either, and made once for all who share its flight', async () => {
    const { store, renditions: made } = renditions();
    const source = await picture();
    const all = await Promise.all(Array.from({ length: 300 }, () => made.of(source, { ...WEBP, ttlSeconds: 0 })));
    expect(new Set(all).size).toBe(1);
    expect(store.byteLength).toBe(0);
  });

  test('is not made where the picture is what is asked for already', async () => {
    const { store, renditions: made } = renditions();
    const source = await picture();
    for (const format of [null, 'png'] as const)
      expect(await made.of(source, { ...WEBP, format })).toBe(source.picture);
    expect(store.byteLength).toBe(0);
  });
});
