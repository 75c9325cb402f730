import { describe, expect, it } from 'vitest';

import { MemoryBlobs, memoryTexts } from '../../src/cache/blobs.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { base64, bytes } from './samples.ts';

function blob(byteLength: number): LongString {
  return LongString.fromBase64([Buffer.allocUnsafeSlow(byteLength).fill('A')]);
}

describe('MemoryBlobs', () => {
  it('gives back what it was given', async () => {
    const blobs = new MemoryBlobs({ maxBytes: 1_000_000, onEvict: () => {} });
    const picture = blob(4000);
    await blobs.put('a', picture);
    expect((await blobs.get('a'))?.text()).toBe(picture.text());
    expect(await blobs.has('a')).toBe(true);
    expect(await blobs.get('b')).toBeNull();
    expect(await blobs.has('b')).toBe(false);
  });

  it('never holds more than its bound, gives up what was used longest ago, and says so', async () => {
    const evicted: number[] = [];
    const blobs = new MemoryBlobs({ maxBytes: 100_000, onEvict: (size) => evicted.push(size) });
    for (let index = 0; index < 50; index += 1) {
      await blobs.put(`${index}`, blob(20_000 + index));
      await blobs.get('0');
      expect(blobs.byteLength).toBeLessThanOrEqual(100_000);
    }
    expect(await blobs.has('0')).toBe(true);
    expect(await blobs.has('1')).toBe(false);
    expect(await blobs.has('49')).toBe(true);
    expect(evicted.slice(0, 3)).toEqual([20_001, 20_002, 20_003]);
  });

  it('does not keep what is larger than its bound, nor gives up others for it', async () => {
    const blobs = new MemoryBlobs({ maxBytes: 100_000, onEvict: () => {} });
    await blobs.put('small', blob(1000));
    await blobs.put('large', blob(100_001));
    expect(await blobs.has('large')).toBe(false);
    expect(await blobs.has('small')).toBe(true);
  });

  it('counts equal blobs once and forgets what is deleted', async () => {
    const blobs = new MemoryBlobs({ maxBytes: 100_000, onEvict: () => {} });
    const first = blob(1000);
    await blobs.put('a', first);
    const once = blobs.byteLength;
    await blobs.put('a', blob(1000));
    expect(blobs.byteLength).toBe(once);
    expect((await blobs.get('a'))?.text()).toBe(first.text());
    expect(await blobs.delete('a')).toBe(true);
    expect(await blobs.delete('a')).toBe(false);
    expect(blobs.byteLength).toBe(0);
  });

  it('does not keep a large reply alive for the sake of a small blob in it', async () => {
    const reply = Buffer.alloc(1_000_000, 'A');
    const blobs = new MemoryBlobs({ maxBytes: 100_000, onEvict: () => {} });
    await blobs.put('a', LongString.fromBase64([reply.subarray(10, 510), reply.subarray(510, 1010)]));
    const kept = await blobs.get('a');
    expect(kept?.text()).toBe('A'.repeat(1000));
    expect(kept?.chunks.map((chunk) => chunk.buffer.byteLength)).toEqual([1000]);
  });

  it('keeps bytes of its own: those it was given may be used for something else', async () => {
    const blobs = new MemoryBlobs({ maxBytes: 10_000_000, onEvict: () => {} });
    const picture = base64(bytes(3_000_000), 1_500_000);
    const text = picture.text();
    await blobs.put('a', picture);
    for (const chunk of picture.chunks) chunk.fill(0);
    expect((await blobs.get('a'))?.text()).toBe(text);
  });
});

describe('memoryTexts', () => {
  it('is bounded by bytes and refuses what is larger than its bound', () => {
    const texts = memoryTexts(1000);
    for (let index = 0; index < 100; index += 1) expect(texts.set(`${index}`, 'x'.repeat(100))).toBe(true);
    const kept = Array.from({ length: 100 }, (_, index) => texts.get(`${index}`)).filter((text) => text !== undefined);
    expect(kept.length).toBe(4);
    expect(texts.set('large', 'x'.repeat(1000))).toBe(false);
    expect(texts.get('99')).toBeDefined();
    expect(texts.delete('99')).toBe(true);
    expect(texts.get('99')).toBeUndefined();
    texts.clear();
    expect(texts.get('98')).toBeUndefined();
  });
});
