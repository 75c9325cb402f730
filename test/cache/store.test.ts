import { describe, expect, test } from 'vitest';
import { memoryTexts } from '../../src/cache/texts.ts';
import { blobBytes } from './entries.ts';
import { storeContract } from './store-contract.ts';
import { diskStore, memoryStore, put } from './stores.ts';

storeContract('in memory', memoryStore);
storeContract('on disk', diskStore);

describe('a store in memory', () => {
  test('gives back the very blob it was given', async () => {
    const { store } = memoryStore();
    await put(store, 'a', { blobs: [blobBytes(1, 60_000)] });
    const [ref] = (await store.get('a'))!.value.blobs;
    expect(await store.blob(ref!)).toBe(await store.blob(ref!));
  });

  test('does not keep a large reply alive for the sake of a small blob in it', async () => {
    const { store } = memoryStore();
    await put(store, 'a', { blobs: [blobBytes(1, 3)] });
    const [ref] = (await store.get('a'))!.value.blobs;
    // Small buffers are views on a pool of Node's.
    expect((await store.blob(ref!))!.chunks.map((chunk) => chunk.buffer.byteLength)).toEqual([4]);
  });
});

test('memoryTexts is bounded by bytes and refuses what is larger than its bound', () => {
  const texts = memoryTexts(1000);
  for (let index = 0; index < 100; index += 1) expect(texts.set(`${index}`, 'x'.repeat(100))).toBe(true);
  const kept = Array.from({ length: 100 }, (_, index) => texts.get(`${index}`)).filter((text) => text !== undefined);
  expect(kept.length).toBe(4);
  expect(texts.set('large', 'x'.repeat(1000))).toBe(false);
  expect(texts.get('99')).toBeDefined();
});
