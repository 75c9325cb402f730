import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkPicture } from '../../src/image/picture.ts';
import { transcode } from '../../src/image/rendition.ts';
import { ASPECT_RATIOS, nominalPixels, TIERS } from '../../src/image/size.ts';
import { draw } from '../../src/simulator/draw.ts';
import { inkText, wrap } from '../../src/simulator/font.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { FLASH, partsOf, pictureBytes, pictureOf, post, PRO, prompt } from './client.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64 });
});
afterAll(() => simulator.close());

const LARGE_TIERS = process.env['PLANTAIN_TEST_LONG'] ? ['4K' as const] : [];
const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('a picture', () => {
  const cells = TIERS.filter((tier) => tier === '512' || tier === '1K').flatMap((tier) =>
    ASPECT_RATIOS.map((ratio) => [ratio, tier] as const),
  );
  it.each([...cells, ...LARGE_TIERS.flatMap((tier) => ASPECT_RATIOS.map((ratio) => [ratio, tier] as const))])(
    'of %s at %s has the nominal pixels and decodes to its end',
    async (aspectRatio, imageSize) => {
      const { json } = await post(simulator, prompt('a fox', { seed: 1, imageConfig: { aspectRatio, imageSize } }));
      const decoded = await transcode(pictureBytes(json), { format: 'png', compression: null });
      expect(await checkPicture(decoded)).toMatchObject(nominalPixels(aspectRatio, imageSize));
    },
  );

  it('of 4K has four times the sides of 1K', async () => {
    const { json } = await post(simulator, prompt('a fox', { seed: 1, imageConfig: { imageSize: '4K' } }), {
      model: PRO,
    });
    expect(await pictureOf(json)).toMatchObject({ width: 4096, height: 4096 });
  });

  it('is a square of 1K when nothing is said', async () => {
    const { json } = await post(simulator, prompt('a fox'));
    expect(await pictureOf(json)).toMatchObject({ width: 1024, height: 1024, type: 'jpeg' });
  });

  it('is the same again with a seed or at temperature 0, under both names of its model', async () => {
    for (const config of [{ seed: 7 }, { temperature: 0 }]) {
      const [one, other] = await Promise.all(
        [FLASH, `${FLASH}-preview`].map((model) => post(simulator, prompt('a fox', config), { model })),
      );
      expect(digestOf(pictureBytes(other!.json))).toBe(digestOf(pictureBytes(one!.json)));
      expect(partsOf(other!.json)[1]?.thoughtSignature).toBe(partsOf(one!.json)[1]?.thoughtSignature);
    }
  });

  it('is another one with another seed, prompt, model or size', async () => {
    const answers = await Promise.all([
      post(simulator, prompt('a fox', { seed: 7 })),
      post(simulator, prompt('a fox', { seed: 8 })),
      post(simulator, prompt('a hare', { seed: 7 })),
      post(simulator, prompt('a fox', { seed: 7 }), { model: PRO }),
      post(simulator, prompt('a fox', { seed: 7, imageConfig: { imageSize: '512' } })),
    ]);
    expect(new Set(answers.map(({ json }) => digestOf(pictureBytes(json)))).size).toBe(5);
  });

  it.each(['png', 'jpeg'] as const)(
    'as %s is never the same twice without a seed, and always whole',
    async (format) => {
      simulator.settings.format = format;
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(simulator, prompt('a fox'))));
      const pictures = answers.map(({ json }) => pictureBytes(json));
      expect(new Set(pictures.map(digestOf)).size).toBe(20);
      const decoded = await Promise.all(
        pictures.map((bytes) => transcode(bytes, { format: 'png', compression: null })),
      );
      expect(new Set(decoded.map(digestOf)).size).toBeGreaterThan(4);
      expect((await pictureOf(answers[0]!.json)).type).toBe(format);
      simulator.settings.format = 'jpeg';
    },
  );
});

describe('what is drawn', () => {
  const canvas = (prompt: string): Buffer => draw(Buffer.alloc(32, 7), prompt, { width: 1024, height: 1024 }).data;

  it('shows the words of the prompt', () => {
    expect(canvas('a fox').equals(canvas('a hare'))).toBe(false);
    expect(canvas('a fox').equals(canvas('A FOX'))).toBe(true);
  });

  it('shows its mark over the landscape, whatever the prompt', () => {
    const width = Math.ceil(1024 / 10);
    const mark: [number, number][] = [];
    inkText('SIMULATED', Math.floor((width - 53) / 2), 2, (x, y) => mark.push([x, y]));
    for (const text of ['', 'a fox', '狐'.repeat(500)]) {
      const data = canvas(text);
      expect(mark.every(([x, y]) => data[(y * width + x) * 3] === 250)).toBe(true);
    }
  });

  it('breaks lines at words, cuts words that are too long, and says when there was more', () => {
    expect(wrap('the quick brown fox', 10, 3)).toEqual(['the quick', 'brown fox']);
    expect(wrap('incomprehensibilities', 10, 3)).toEqual(['incomprehe', 'nsibilitie', 's']);
    expect(wrap('one two three four five', 5, 2)).toEqual(['one', 'two..']);
    expect(wrap('  ', 10, 3)).toEqual([]);
  });

  it('has a box for what the font lacks, an emoji of seven code points being one', () => {
    const pixels: number[] = [];
    inkText('👨‍👩‍👧', 0, 0, (x) => pixels.push(x));
    expect(Math.max(...pixels)).toBe(4);
  });
});
