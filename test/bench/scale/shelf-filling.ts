import { hash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Books } from '../../../src/cache/disk-books.ts';
import { FOLDERS, makeTree, placesIn } from '../../../src/cache/disk-tree.ts';
import { cacheKey, keyName } from '../../../src/cache/key.ts';
import type { Card } from '../../../src/cache/store.ts';
import { draw, textPart, userTurn } from '../../cache/samples.ts';
import { pngOf } from '../../support/big-picture.ts';

const BATCH = 5_000;
const SCOPE = 'bench';
const TIER = '1K';
const PICTURE_BYTES = 120;

interface Asked {
  readonly contents: readonly [{ readonly parts: readonly [{ readonly text: string }] }];
  readonly generationConfig: { readonly seed: number };
}

/**
 * Answers to the requests of the seeds from `firstSeed` on, as the gateway would have kept them one by one: its rows, a
 * file for each picture, and the name it looks for. `example`: a request that a gateway on this directory, now closed,
 * has kept the answer to. Throws where that is not found by its name: then this does not know how it is asked.
 */
export async function fillShelf(
  directory: string,
  example: Buffer,
  { firstSeed, count }: { readonly firstSeed: number; readonly count: number },
): Promise<void> {
  const { contents, generationConfig } = JSON.parse(example.toString('utf8', example.indexOf('\r\n\r\n') + 4)) as Asked;
  const turns = [userTurn(textPart(contents[0].parts[0].text))];
  const nameOf = async (seed: number): Promise<string> =>
    keyName(await cacheKey(draw({ turns, seed }), SCOPE, { tier: TIER }));
  const places = placesIn(directory);
  makeTree(directory);
  for (const folder of FOLDERS) mkdirSync(join(places.blobs, folder), { recursive: true, mode: 0o700 });
  const books = new Books(places.catalogue);
  try {
    const card = books.find(await nameOf(generationConfig.seed));
    if (card === null) throw new Error('what the gateway kept is not where it was looked for');
    for (let from = 0; from < count; from += BATCH) {
      const numbers = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => firstSeed + from + index);
      const names = await Promise.all(numbers.map(nameOf));
      const cards = names.map(() => cardLike(card, places.blob));
      books.change(() => {
        for (const [index, name] of names.entries()) books.insert(name, cards[index]!);
      });
    }
    books.checkpoint();
  } finally {
    books.close();
  }
}

/** With a picture of its own, whose file is there. */
function cardLike(card: Card, placeOf: (digest: string) => string): Card {
  const [blob] = card.blobs;
  const picture = pngOf(PICTURE_BYTES);
  if (blob === undefined || card.blobs.length !== 1 || picture.length !== blob.byteLength)
    throw new Error('the example is not one small picture');
  const digest = hash('sha256', picture);
  writeFileSync(placeOf(digest), picture, { mode: 0o600 });
  const head = card.head.replaceAll(blob.digest, digest);
  return { ...card, head, blobs: [{ digest, byteLength: picture.length }] };
}
