import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeptFiles } from '../../src/cache/kept-files.ts';
import { createLinkSigner } from '../../src/cache/link-signature.ts';
import { MemoryStore } from '../../src/cache/memory-store.ts';
import { Shelf } from '../../src/cache/shelf.ts';
import { GatewayError } from '../../src/errors.ts';
import { Files } from '../../src/files/files.ts';
import { GRANULARITY, Uploads } from '../../src/files/uploads.ts';
import type { Upload } from '../../src/files/uploads.ts';
import { decodeBase64, encodeBase64 } from '../../src/wire/base64.ts';
import type { LongString } from '../../src/wire/long-string.ts';

const RUNS = process.env['PLANTAIN_TEST_LONG'] === undefined ? 60 : 2_000;
const MOST = 5 * GRANULARITY;
const described = { id: null, fileName: 'a', displayName: '', purpose: '', claimed: '', keepMs: null };

function parts() {
  const clock = { now: 1_700_000_000_000 };
  const now = (): number => clock.now;
  const store = new MemoryStore({ maxBytes: 1 << 26, scopeBytes: 1 << 26, now, onEvict: () => undefined });
  const kept = new KeptFiles({ shelf: new Shelf({ tiers: [store], now, onTrouble: () => undefined }), now });
  const bounds = {
    keepMs: 60_000_000,
    bytesPerFile: MOST,
    bytesPerTenant: 2 * MOST,
    perTenant: 4,
    isTenant: () => true,
  };
  const files = new Files({ store: kept, now, ...bounds });
  const links = createLinkSigner(['the secret of this test, long enough']);
  const signer = {
    sign: (text: string, expires: number) => links.sign('upload', text, expires),
    isGenuine: (text: string, expires: number, signature: string) =>
      links.isGenuine('upload', text, expires, signature),
  };
  return { clock, store, files, uploads: new Uploads({ files, store: kept, signer, now, isTenant: () => true }) };
}

/** What a sender may do, in any order: right, twice, in the wrong place, too much. */
const command = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ verb: 'next' as const }) },
  fc.record({ verb: fc.constant('again' as const), at: fc.nat(5) }),
  fc.record({ verb: fc.constant('stray' as const), at: fc.nat(6), length: fc.nat(2) }),
  fc.constant({ verb: 'finish' as const }),
  fc.constant({ verb: 'cancel' as const }),
);

test('whatever is sent in whatever order, a file that comes of it is what was sent, and no more is kept than that', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 14 }), fc.nat(GRANULARITY), async (commands, lastLength) => {
      const { uploads, files, store } = parts();
      const upload = uploads.open(await uploads.begin({ tenant: 'acme', keyId: 'k' }, described, null));
      /** As the sender understands it: pieces that were taken, each filled with its own number. */
      let sent: Buffer[] = [];
      let fill = 0;
      const bytes = (length: number): Buffer => Buffer.alloc(length, (fill += 1));
      const isRefused = (error: unknown): null => {
        if (error instanceof GatewayError && error.failure !== 'internal') return null;
        throw error;
      };
      const add = async (index: number, length: number): Promise<void> => {
        const piece = bytes(length * GRANULARITY);
        const received = await uploads.add(upload, index * GRANULARITY, await encodeBase64(piece)).catch(isRefused);
        if (received === null) return;
        // One that was sent again has replaced itself; what stood behind it stays, for it is of the same length.
        expect(length).toBeGreaterThan(0);
        sent = [...sent.slice(0, index), piece, ...sent.slice(index + 1)];
      };
      let done: Buffer | null = null;
      for (const each of commands) {
        if (each.verb === 'next') await add(sent.length, 1);
        if (each.verb === 'again') await add(each.at, 1);
        if (each.verb === 'stray' && each.length !== 2) await add(each.at, each.length);
        if (each.verb === 'cancel') {
          await uploads.cancel(upload);
          sent = [];
        }
        if (each.verb !== 'finish') continue;
        const last = bytes(lastLength);
        const from = await uploads.received(upload);
        const file = await uploads.finish(upload, from, await encodeBase64(last)).catch(isRefused);
        if (file === null) continue;
        done ??= Buffer.concat([...sent, last]);
        sent = [];
        const { data } = (await files.read('acme', upload.described.id))!;
        expect((await decodeBase64(data)).equals(done)).toBe(true);
        expect(await files.read('globex', upload.described.id)).toBeNull();
      }
      await uploads.cancel(upload);
      const standings = await store.stats();
      expect(standings.map(({ model, entries }) => [model, entries])).toEqual(done === null ? [] : [['files', 1]]);
    }),
    { numRuns: RUNS },
  );
}, 300_000);

test('of two uploads for one name each has its own pieces, and the first to end has the name', async () => {
  const { uploads, files } = parts();
  const open = async (): Promise<Upload> =>
    uploads.open(await uploads.begin({ tenant: 'acme', keyId: 'k' }, { ...described, id: 'fox' }, null));
  const [one, two] = [await open(), await open()];
  const piece = async (fill: number, length = GRANULARITY): Promise<LongString> =>
    encodeBase64(Buffer.alloc(length, fill));
  await uploads.add(one, 0, await piece(1));
  await uploads.add(two, 0, await piece(2));
  expect(await uploads.received(two)).toBe(GRANULARITY);
  await uploads.finish(one, GRANULARITY, await piece(3, 5));
  const { data } = (await files.read('acme', 'fox'))!;
  expect((await decodeBase64(data)).equals(Buffer.concat([Buffer.alloc(GRANULARITY, 1), Buffer.alloc(5, 3)]))).toBe(
    true,
  );
  await expect(uploads.finish(two, GRANULARITY, await piece(3, 5))).rejects.toMatchObject({ status: 409 });
  expect(await uploads.received(one)).toBe(0);
});

test('an id says all that is known of an upload, whatever its file is called, and nothing that was changed in it is believed', async () => {
  const { uploads, clock } = parts();
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat(), fc.nat(255), async (name, at, other) => {
      const words = { ...described, displayName: name, fileName: name, claimed: name };
      const id = await uploads.begin({ tenant: 'acme', keyId: 'k' }, words, 7);
      const told = name.toWellFormed() === name ? name : expect.any(String);
      expect(uploads.open(id)).toMatchObject({
        tenant: 'acme',
        keyId: 'k',
        byteLength: 7,
        described: { displayName: told },
      });
      const changed = Buffer.from(id);
      const place = at % changed.length;
      changed[place] = 0x21 + (other % 0x5e);
      const forged = changed.toString('latin1');
      if (forged !== id) expect(() => uploads.open(forged)).toThrow(GatewayError);
    }),
    { numRuns: 10 * RUNS },
  );
  const id = await uploads.begin({ tenant: 'acme', keyId: 'k' }, described, null);
  clock.now += 3_600_000;
  expect(() => uploads.open(id)).toThrow(/no such upload/);
});
