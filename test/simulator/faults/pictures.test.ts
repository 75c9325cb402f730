import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkPicture } from '../../../src/image/picture.ts';
import type { Fault } from '../../../src/simulator/faults.ts';
import { startSimulator } from '../../../src/simulator/server.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import { partsOf, pictureBytes, pictureOf, post, prompt } from '../client.ts';
import type { Answer } from '../client.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64 });
});
afterAll(() => simulator.close());

const BODY = prompt('a fox', { seed: 7 });
const named = (fault: Fault | `${Fault}=${number}`): { headers: Record<string, string> } => ({
  headers: { 'x-goog-api-key': 'k', 'x-simulator-fault': fault },
});
const show = (fault: Fault): Promise<Answer> => post(simulator, BODY, named(fault));

describe('a fault of the picture', () => {
  const check = async (fault: Fault): Promise<unknown> => pictureOf((await show(fault)).json);

  it.each(['broken-picture', 'truncated-picture', 'not-a-picture', 'empty-picture', 'picture-bomb'] as const)(
    '%s does not pass a check',
    async (fault) => {
      await expect(check(fault)).rejects.toThrow();
    },
  );

  it('picture-bomb is a sound PNG but for its size', async () => {
    const bytes = pictureBytes((await show('picture-bomb')).json);
    expect(bytes.length).toBeLessThan(100_000);
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([20_000, 20_000]);
  });

  it('wrong-mime is a JPEG that says it is a PNG', async () => {
    const { json } = await show('wrong-mime');
    expect(partsOf(json)[1]?.inlineData?.mimeType).toBe('image/png');
    expect(await pictureOf(json)).toMatchObject({ type: 'jpeg' });
  });

  it('polyglot has HTML behind its end', async () => {
    const bytes = pictureBytes((await show('polyglot')).json);
    expect(bytes.subarray(-9).toString()).toBe('</script>');
    await expect(checkPicture(bytes)).resolves.toMatchObject({ width: 1024 });
  });

  it('bad-base64 has characters that are none', async () => {
    expect(partsOf((await show('bad-base64')).json)[1]?.inlineData?.data).toMatch(/!!%%$/);
  });

  it('tiny-dimensions and wrong-ratio are not what was asked for', async () => {
    const body = prompt('a fox', { seed: 1, imageConfig: { imageSize: '2K', aspectRatio: '16:9' } });
    const pictures = await Promise.all(
      (['tiny-dimensions', 'wrong-ratio'] as const).map((fault) => post(simulator, body, named(fault))),
    );
    expect(await pictureOf(pictures[0]!.json)).toMatchObject({ width: 1376, height: 768 });
    expect(await pictureOf(pictures[1]!.json)).toMatchObject({ width: 2048, height: 2048 });
  });

  it('two-pictures are a 1K and the one asked for, each signed, both billed', async () => {
    const body = prompt('a fox', { seed: 1, imageConfig: { imageSize: '2K' }, responseModalities: ['IMAGE'] });
    const { json } = await post(simulator, body, named('two-pictures'));
    const parts = partsOf(json);
    const sizes = parts.map(({ inlineData }) => checkPicture(Buffer.from(inlineData?.data ?? '', 'base64')));
    expect((await Promise.all(sizes)).map(({ width }) => width)).toEqual([1024, 2048]);
    expect(new Set(parts.map(({ thoughtSignature }) => thoughtSignature)).size).toBe(2);
    expect(simulator.bill.entries.at(-1)).toMatchObject({ pictures: 2, tokens: { image: 1120 + 1680 } });
  });

  it('no-signature leaves out the signatures', async () => {
    expect(partsOf((await show('no-signature')).json).every((part) => part.thoughtSignature === undefined)).toBe(true);
  });
});
