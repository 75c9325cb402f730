import { describe, expect, test } from 'vitest';
import { createLinkSigner } from '../../src/cache/link-signature.ts';
import { Links } from '../../src/cache/links.ts';
import type { AskedLink, LinkEvent } from '../../src/cache/links.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { checkPicture } from '../../src/image/picture.ts';
import { encodeBase64 } from '../../src/wire/base64.ts';
import { samples } from '../image/samples.ts';
import { START } from './entries.ts';
import { memoryStore } from './stores.ts';

const MINUTE_MS = 60_000;
const png = (await samples()).get('png')!.bytes;
const picture = { data: await encodeBase64(png), info: await checkPicture(png) };
const OWNER = { tenant: 'acme', model: 'flash' };

function links(maxBytes?: number) {
  const { store, clock } = memoryStore(maxBytes === undefined ? {} : { maxBytes });
  const events: LinkEvent[] = [];
  const tenants = new Set(['acme', 'zeta']);
  let writes = 0;
  const set = store.set.bind(store);
  store.set = (...filed) => {
    writes += 1;
    return set(...filed);
  };
  const shelf = new Shelf({ tiers: [store], now: () => clock.now, onTrouble: () => undefined });
  const made = new Links({
    shelf,
    signer: createLinkSigner(['s'.repeat(32)]),
    base: () => 'https://here.example',
    isTenant: (id) => tenants.has(id),
    now: () => clock.now,
    count: (event) => void events.push(event),
  });
  return { links: made, store, shelf, clock, events, tenants, writes: () => writes };
}

function read(url: string): AskedLink {
  const { pathname, searchParams } = new URL(url);
  const id = pathname.split('/').at(-1)!;
  return { id, expires: searchParams.get('expires'), signature: searchParams.get('signature') };
}

describe('links', () => {
  test('to one picture take the room of one, which is written anew only when it would end before them', async () => {
    const { links: made, store, clock, writes } = links();
    const first = await made.make(picture, OWNER);
    clock.now += 14 * MINUTE_MS;
    const second = await made.make(picture, OWNER);
    expect([writes(), read(second).id]).toEqual([1, read(first).id]);
    clock.now += 2 * MINUTE_MS;
    const third = await made.make(picture, OWNER);
    expect([writes(), (await store.stats())[0]?.entries]).toEqual([2, 1]);
    clock.now = START + 60 * MINUTE_MS - 1;
    expect((await made.open(read(first))).picture.data.text()).toBe(picture.data.text());
    clock.now += 1;
    await expect(made.open(read(first))).rejects.toMatchObject({ status: 410 });
    clock.now = START + 76 * MINUTE_MS - 1;
    expect((await made.open(read(third))).expiresAt).toBe(START + 76 * MINUTE_MS);
  });

  test('of another tenant have another name, and count under that of their own', async () => {
    const { links: made, store } = links();
    const ids = [OWNER, { ...OWNER, tenant: 'zeta' }].map(async (owner) => read(await made.make(picture, owner)).id);
    expect(new Set(await Promise.all(ids)).size).toBe(2);
    expect((await store.stats()).map(({ scope, entries }) => [scope, entries])).toEqual([
      ['acme', 1],
      ['zeta', 1],
    ]);
  });

  test('end with their tenant at once, and one that is deleted while its picture is drawn leaves nothing behind', async () => {
    const { links: made, store, tenants, events } = links();
    const url = await made.make(picture, OWNER);
    const others = await made.make(picture, { ...OWNER, tenant: 'zeta' });
    tenants.delete('acme');
    await expect(made.open(read(url))).rejects.toMatchObject({ status: 404, detail: { code: 'link_gone' } });
    await expect(made.make(picture, OWNER)).rejects.toMatchObject({ failure: 'forbidden', status: 403 });
    expect((await store.stats()).map(({ scope }) => scope)).toEqual(['zeta']);
    expect((await made.open(read(others))).scope).toBe('zeta');
    expect(events).toEqual(['made', 'made', 'gone', 'gone']);
  });

  test('are told there is no room before a picture is drawn as soon as there is none, and after it when it does not fit', async () => {
    const size = picture.data.byteLength;
    const { links: made, events } = links(2 * size);
    await made.admit('acme');
    await expect(made.make(picture, OWNER)).rejects.toMatchObject({ failure: 'unavailable', detail: { retry: false } });
    expect(events).toEqual(['no_room']);
    const { links: tight } = links(2 * (size + 3_000));
    await tight.make(picture, OWNER);
    await tight.admit('acme');
  });

  test('lead to nothing where what is kept under their name is no linked picture', async () => {
    const { links: made, shelf, clock } = links();
    const asked = read(await made.make(picture, OWNER));
    const name = `link:${asked.id}`;
    const { card, blobs } = (await shelf.get(name, { maxAgeSeconds: null }))!;
    const head = JSON.parse(card.head) as { picture: { info: object } };
    const html = { ...head, picture: { ...head.picture, info: { ...head.picture.info, type: 'text/html' } } };
    for (const broken of ['{}', 'no JSON', JSON.stringify(html), JSON.stringify({ ...head, tenant: 5 })]) {
      const bytes = new Map([...blobs].map(([digest, base64]) => [digest, { base64, decoded: async () => [png] }]));
      await shelf.pin(name, { ...card, head: broken, bytes, createdAt: clock.now });
      await expect(made.open(asked)).rejects.toMatchObject({ status: 404 });
      expect(await shelf.keptUntil(name)).toBe(0);
    }
  });
});

test('a signature is good for its own link and secret, in its own spelling', () => {
  const [old, current] = ['o'.repeat(32), 'c'.repeat(32)];
  const before = createLinkSigner([old]);
  const both = createLinkSigner([current, old]);
  const after = createLinkSigner([current]);
  const signature = before.sign('link', 'id', 1_700_000_000);
  expect(signature).toMatch(/^[\w-]{43}$/);
  expect([both, after].map((signer) => signer.isGenuine('link', 'id', 1_700_000_000, signature))).toEqual([
    true,
    false,
  ]);
  expect(after.isGenuine('link', 'id', 1_700_000_000, both.sign('link', 'id', 1_700_000_000))).toBe(true);
  expect(before.isGenuine('link', 'id', 1_700_000_001, signature)).toBe(false);
  expect(before.isGenuine('link', 'iD', 1_700_000_000, signature)).toBe(false);
  for (const other of ['', signature.slice(1), `${signature}A`, signature.toLowerCase(), 'ü'.repeat(43)])
    expect(before.isGenuine('link', 'id', 1_700_000_000, other)).toBe(false);
  // The last character has bits that no decoder looks at: only one of its spellings is right.
  const last = signature.at(-1)!;
  for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
    expect(before.isGenuine('link', 'id', 1_700_000_000, signature.slice(0, -1) + character)).toBe(character === last);
});
