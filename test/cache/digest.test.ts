import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/cache/digest.ts';
import { inChunks } from './samples.ts';

describe('digestOf', () => {
  it('is the SHA-256 of the pieces, wherever they are cut and whatever they are', async () => {
    const data = Buffer.concat(Array.from({ length: 40 }, (_, start) => Buffer.alloc(80_000, start)));
    const expected = createHash('sha256').update(data).digest('hex');
    expect(await digestOf([data])).toBe(expected);
    expect(await digestOf(inChunks(data, 7001))).toBe(expected);
    expect(await digestOf(['é', 'a'])).toBe(await digestOf([Buffer.from('éa')]));
    expect(await digestOf(['é', Buffer.from('a')])).toBe(await digestOf(['éa']));
    expect(await digestOf([])).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('lets others run while it works through much', async () => {
    const othersRan = { times: 0, wanted: true };
    const others = (async () => {
      for (; othersRan.wanted; othersRan.times += 1) await new Promise((resolve) => setImmediate(resolve));
    })();
    await digestOf(inChunks(Buffer.alloc(8 * 1024 * 1024), 65_536));
    othersRan.wanted = false;
    await others;
    expect(othersRan.times).toBeGreaterThanOrEqual(7);
  });
});
