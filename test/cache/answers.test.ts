import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KeptAnswers } from '../../src/cache/answers.ts';
import { keyName } from '../../src/cache/key.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import type { EntryStore } from '../../src/cache/store.ts';
import { LongString } from '../../src/wire/long-string.ts';
import { START } from './entries.ts';
import { base64, bytes } from './samples.ts';
import { diskStore, memoryStore } from './stores.ts';

const place = { tenant: 'acme', id: 'task_1' };
const HOUR = 3_600_000;
const picture = base64(bytes(5_000));
const answer = (over: object = {}) => ({
  about: { status: 200, headers: { 'x-plantain-size': '1x1' } },
  body: { created: 1, data: [{ b64_json: picture }, { b64_json: picture, text: null }] },
  model: 'flash',
  expiresAt: START + HOUR,
  ...over,
});

function answersOn(...tiers: EntryStore[]): KeptAnswers {
  const shelf = new Shelf({ tiers, now: () => START, onTrouble: () => undefined });
  return new KeptAnswers({ shelf, now: () => START });
}

describe('a kept answer', () => {
  it('comes back whole from memory and from disk, with the pictures in it', async () => {
    const [memory, disk] = [memoryStore(), diskStore()];
    const answers = answersOn(memory.store, disk.store);
    expect(await answers.put(place, answer())).toBeGreaterThan(5_000);
    for (const each of [answers, answersOn(disk.store)]) {
      const kept = await each.get(place);
      expect(kept?.about).toEqual(answer().about);
      const data = kept?.body['data'] as { b64_json: LongString; text?: null }[];
      expect(data.map(({ b64_json: found }) => Buffer.concat(found.chunks).toString('latin1'))).toEqual(
        Array(2).fill(Buffer.concat(picture.chunks).toString('latin1')),
      );
      expect(data[1]?.text).toBeNull();
    }
  });

  it('is of its tenant and id alone, and gone when it is deleted or purged with its tenant', async () => {
    const { store } = memoryStore();
    const answers = answersOn(store);
    await answers.put(place, answer());
    expect(await answers.get({ ...place, tenant: 'zeta' })).toBeNull();
    expect(await answers.get({ ...place, id: 'task_2' })).toBeNull();
    await answers.delete(place);
    expect(await answers.get(place)).toBeNull();
    await answers.put(place, answer());
    await store.purge({ scope: 'acme' });
    expect(await answers.get(place)).toBeNull();
  });

  it('is not said to be kept before the disk has it: only then does it survive the process', async () => {
    const { promise: written, resolve } = Promise.withResolvers<boolean>();
    const disk = new Proxy(memoryStore().store, {
      get(target, name) {
        if (name === 'set') return () => written;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const answers = answersOn(memoryStore().store, disk);
    let isKept = false;
    const keeping = answers.put(place, answer()).then(() => (isKept = true));
    await expect.poll(() => answers.get(place)).not.toBeNull();
    expect(isKept).toBe(false);
    resolve(true);
    await keeping;
  });

  it('that no store has room for is not kept', async () => {
    expect(await answersOn(memoryStore({ maxBytes: 1_000 }).store).put(place, answer())).toBeNull();
  });

  it('of another version, or broken, is none, and is removed', async () => {
    const { store } = memoryStore();
    const name = keyName({ scope: 'acme', digest: hash('sha256', JSON.stringify(['answer', 'acme', 'task_1'])) });
    for (const head of ['', 'null', '[]', '{"version":99,"about":{},"body":{},"longStrings":{}}', '{"version":1}']) {
      const card = { scope: 'acme', model: 'flash', head, blobs: [], createdAt: START, expiresAt: START + HOUR };
      await store.set(name, { value: { ...card, bytes: new Map() } });
      expect(await answersOn(store).get(place), head).toBeNull();
      expect(await store.get(name)).toBeUndefined();
    }
  });
});

describe('the row of a task', () => {
  const row = (id: string, over: object = {}) => ({
    id,
    tenant: 'acme',
    record: `{"id":"${id}"}`,
    endsAt: START + HOUR,
    ...over,
  });

  it('outlives the process, in the place of the one before it, until it ends or is dropped', async () => {
    const first = diskStore();
    for (const each of [row('a'), row('a', { record: 'newer' }), row('b'), row('c', { endsAt: START })])
      expect(await first.store.keepTask(each)).toBe(true);
    first.store.dropTask('b');
    await first.store.close();
    const { store } = diskStore({ directory: first.directory });
    expect(await store.tasks()).toEqual([row('a', { record: 'newer' })]);
  });

  it('goes with its tenant, bytes and all, and with its time', async () => {
    const { store, clock, directory } = diskStore();
    await store.keepTask(row('a', { record: 'secret of acme' }));
    await store.keepTask(row('b', { tenant: 'zeta' }));
    await store.purge({ scope: 'acme' });
    expect((await store.tasks()).map(({ id }) => id)).toEqual(['b']);
    const files = readdirSync(directory).filter((name) => name.includes('.db'));
    expect(files.length).toBeGreaterThan(0);
    for (const name of files) expect(readFileSync(join(directory, name)).includes('secret of acme'), name).toBe(false);
    clock.now += HOUR;
    await store.sweep();
    clock.now -= HOUR;
    expect(await store.tasks()).toEqual([]);
  });

  it('that cannot be kept says so', async () => {
    const { store } = diskStore({ directory: '/nowhere/at/all' });
    expect(await store.keepTask(row('a'))).toBe(false);
    expect(await store.tasks()).toEqual([]);
  });
});
