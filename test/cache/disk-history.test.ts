import { hash } from 'node:crypto';
import { readdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { openCatalogue } from '../../src/cache/disk-catalogue.ts';
import type { Catalogue, Reservation } from '../../src/cache/disk-catalogue.ts';
import { readBlob, writeDraft } from '../../src/cache/disk-files.ts';
import { placesIn } from '../../src/cache/disk-tree.ts';
import type { Card } from '../../src/cache/store.ts';
import { entryOf } from './entries.ts';
import { temporaryDirectory } from './stores.ts';

const MAX_BYTES = 60_000;
const SCOPE_BYTES = 40_000;
const RUNS = process.env['PLANTAIN_TEST_LONG'] === undefined ? 60 : 2_000;

/** What was put last under each name: the only thing that may ever be read there. */
type Truth = Map<string, { readonly head: string; readonly blobs: readonly Buffer[] }>;

/** A store that may die between any two of its steps. */
class Mortal {
  readonly directory: string;
  readonly truth: Truth = new Map();
  catalogue: Catalogue;
  #drafts = 0;

  constructor(directory: string) {
    this.directory = directory;
    this.catalogue = this.#open();
  }

  #open(): Catalogue {
    return openCatalogue({
      directory: this.directory,
      maxBytes: MAX_BYTES,
      scopeBytes: SCOPE_BYTES,
      onEvict: () => undefined,
    }).catalogue;
  }

  /** `diesAfter`: how many steps of the writing are still done. */
  async put(name: string, scope: string, blobs: readonly Buffer[], diesAfter: number): Promise<void> {
    const head = JSON.stringify(hash('sha256', Buffer.concat([...blobs, Buffer.from(name)])));
    const { bytes: _, ...card } = entryOf({ scope, head, blobs });
    let steps = 0;
    const dies = (): boolean => (steps += 1) > diesAfter;
    if (dies()) return this.die();
    const reservation = this.catalogue.reserve(name, card);
    if (reservation === null) return;
    const drafts: Record<string, string> = {};
    for (const [index, { digest }] of card.blobs.entries()) {
      if (dies()) return this.die();
      this.#drafts += 1;
      drafts[digest] = join(placesIn(this.directory).drafts, `${this.#drafts}`);
      await writeDraft(drafts[digest], [blobs[index]!]);
    }
    if (dies()) return this.die();
    this.#file(reservation, drafts, card, { head, blobs });
    if (dies()) this.die();
  }

  #file(
    reservation: Reservation,
    drafts: Record<string, string>,
    card: Card,
    content: { head: string; blobs: readonly Buffer[] },
  ): void {
    expect(this.catalogue.file(reservation, drafts)).toBe(true);
    this.truth.set(`${card.scope}:${reservation.name}`, content);
  }

  /** Nothing is tidied up: what is open stays so, and another opens it. */
  die(): void {
    const dead = this.catalogue;
    onTestFinished(() => dead.close());
    this.catalogue = this.#open();
  }

  async check(name: string): Promise<void> {
    const card = this.catalogue.find(name);
    if (card === null) return;
    const blobs = await Promise.all(
      card.blobs.map((ref) => readBlob(placesIn(this.directory).blob(ref.digest), ref).catch(() => null)),
    );
    if (blobs.includes(null)) return void this.catalogue.delete(name);
    const put = this.truth.get(`${card.scope}:${name}`);
    expect({ head: card.head, blobs: blobs.map((blob) => blob!.toString('hex')).toSorted() }).toEqual({
      head: put?.head,
      blobs: put?.blobs.map((blob) => blob.toString('hex')).toSorted(),
    });
  }

  /** What lies in the tree, whether or not the books know of it. */
  bytes(): number {
    const { blobs, drafts } = placesIn(this.directory);
    return [blobs, drafts]
      .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)))
      .map((path) => statSync(path))
      .reduce((sum, each) => sum + (each.isFile() ? each.size : 0), 0);
  }

  blobPaths(): string[] {
    const { blobs } = placesIn(this.directory);
    return readdirSync(blobs, { recursive: true, encoding: 'utf8' })
      .map((name) => join(blobs, name))
      .filter((path) => statSync(path).isFile());
  }

  async sweep(): Promise<void> {
    for (let folder = 0; folder < 256; folder += 1) this.catalogue.sweepFolder(folder);
  }
}

// Few names, scopes and blobs, so that they collide.
const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const scope = fc.constantFrom('acme', 'zeta');
const blobs = fc.uniqueArray(
  fc.record({ seed: fc.integer({ min: 1, max: 6 }), size: fc.constantFrom(0, 1, 3_000, 12_000, 25_000) }),
  { maxLength: 3, selector: ({ seed, size }) => (size === 0 ? 'empty' : `${seed} ${size}`) },
);

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('put'),
      name,
      scope,
      blobs,
      diesAfter: fc.constantFrom(0, 1, 2, 3, 9, 9, 9, 9, 9),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read'), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('touch'), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete'), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge'), scope }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('die') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('spoil'),
      which: fc.nat(9),
      how: fc.constantFrom('cut', 'fill', 'remove', 'swap'),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

test(
  'any history of keeping, reading, evicting, purging, dying and spoilt files gives the picture that was kept or none, within the bounds',
  { timeout: 600_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const store = new Mortal(join(temporaryDirectory(), 'cache'));
        // Whoever changes the length of our files is not bounded by us.
        let isTampered = false;
        for (const each of steps) {
          isTampered ||= each.do === 'spoil' && each.how === 'swap';
          await perform(store, each);
          expect(store.catalogue.bytes).toBeLessThanOrEqual(MAX_BYTES);
          for (const { bytes } of store.catalogue.stats(0, 100).standings)
            expect(bytes).toBeLessThanOrEqual(SCOPE_BYTES);
          if (!isTampered) expect(store.bytes()).toBeLessThanOrEqual(MAX_BYTES);
        }
        for (const each of ['a', 'b', 'c', 'd', 'e']) await store.check(each);
        await store.sweep();
        const held = new Set(
          ['a', 'b', 'c', 'd', 'e']
            .flatMap((each) => store.catalogue.find(each)?.blobs ?? [])
            .map(({ digest }) => digest),
        );
        expect(store.blobPaths()).toHaveLength(held.size);
        store.catalogue.close();
        rmSync(store.directory, { recursive: true });
      }),
      { numRuns: RUNS },
    );
  },
);

async function perform(store: Mortal, step: Step): Promise<void> {
  switch (step.do) {
    case 'put': {
      const contents = step.blobs.map(({ seed, size }) => Buffer.alloc(size, seed));
      return store.put(step.name, step.scope, contents, step.diesAfter);
    }
    case 'spoil': {
      const paths = store.blobPaths();
      const path = paths[step.which % Math.max(1, paths.length)];
      return path === undefined ? undefined : spoil(path, paths.at(-1)!, step.how);
    }
    case 'read':
      return store.check(step.name);
    case 'touch':
      return store.catalogue.touch([[step.name, 1]]);
    case 'delete':
      return void store.catalogue.delete(step.name);
    case 'purge':
      return void store.catalogue.purge({ scope: step.scope }, 0, 100);
    case 'sweep':
      return store.sweep();
    case 'die':
      return store.die();
  }
}

function spoil(path: string, other: string, how: string): void {
  const { size } = statSync(path);
  if (how === 'cut') truncateSync(path, Math.floor(size / 2));
  if (how === 'fill') writeFileSync(path, Buffer.alloc(size, 0x5a));
  if (how === 'remove') rmSync(path);
  if (how === 'swap') {
    renameSync(path, `${path} aside`);
    if (other !== path) renameSync(other, path);
    renameSync(`${path} aside`, other);
  }
}
