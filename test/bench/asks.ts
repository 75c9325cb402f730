import { randomBytes } from 'node:crypto';
import { base64Bytes, MB } from '../support/big-picture.ts';
import type { Contender, Speech } from './contender.ts';
import type { Ask } from './load/drive.ts';
import { NUMBER, post } from './load/request.ts';
import { MODEL } from './plantain.ts';
import type { ReplyName } from './replies.ts';

/**
 * `fresh`: what is drawn anew each time, as most requests are; `stored`: repeatable, and another each time; `again`:
 * repeatable and always the same; `again as WebP`: that in another format than it was drawn in.
 */
export type Wish = 'fresh' | 'stored' | 'again' | 'again as WebP';

const PROMPT = 'a fox in snow, in the manner of a woodcut';
const SEEDS = { fresh: null, stored: Number(NUMBER), again: 7, 'again as WebP': 7 } as const satisfies Record<
  Wish,
  number | null
>;

/** The request for a picture in a contender's own words. */
export function askFor({ headers }: Contender, speech: Speech, wish: Wish, reply: ReplyName): Ask {
  const seed = SEEDS[wish];
  // What is kept of one vendor's answer is no hit where it answers otherwise. And who asks for the same again while it is
  // in the air may be one who has just hung up, which takes a moment to hear: callers of a bench are many, and ask for much.
  const prompt = wish === 'fresh' ? `${PROMPT}, number ${NUMBER}` : `${PROMPT}, ${reply}`;
  switch (speech) {
    case 'gemini': {
      const generationConfig = { responseModalities: ['IMAGE'], ...(seed !== null && { seed }) };
      const body = { contents: [{ role: 'user', parts: [{ text: prompt }] }], generationConfig };
      return post(`/v1beta/models/${MODEL}:generateContent`, headers, JSON.stringify(body));
    }
    case 'images': {
      const format = wish === 'again as WebP' && { output_format: 'webp' };
      const body = { model: MODEL, prompt, ...(seed !== null && { seed }), ...format };
      return post('/v1/images/generations', headers, JSON.stringify(body));
    }
    case 'chat': {
      const messages = [{ role: 'user', content: prompt }];
      const body = { model: MODEL, messages, modalities: ['image', 'text'], ...(seed !== null && { seed }) };
      return post('/v1/chat/completions', headers, JSON.stringify(body));
    }
    default:
      throw new Error(`nobody speaks ${String(speech satisfies never)}`);
  }
}

/** With so many pictures to draw after, of so many bytes each. */
export function askWithReferences({ headers }: Contender, count: number, bytes: number): Ask {
  const picture = base64Bytes(noiseJpeg(bytes));
  const parts = Array.from({ length: count }, (_, index) => [
    Buffer.from(`${index === 0 ? '' : ','}{"inlineData":{"mimeType":"image/jpeg","data":"`),
    picture,
    Buffer.from('"}}'),
  ]).flat();
  const body = [
    Buffer.from('{"contents":[{"role":"user","parts":['),
    ...parts,
    Buffer.from(`,{"text":"${PROMPT}"}]}],"generationConfig":{"responseModalities":["IMAGE"]}}`),
  ];
  return post(`/v1beta/models/${MODEL}:generateContent`, headers, body);
}

/** Whole as far as its structure goes. */
function noiseJpeg(bytes: number): Buffer {
  const start = Buffer.from('ffd8ffc0000b080010001001011100ffda00080101003f00', 'hex');
  const noise = randomBytes(Math.min(bytes, 32 * MB));
  for (let at = noise.indexOf(0xff); at >= 0; at = noise.indexOf(0xff, at)) noise[at] = 0xfe;
  return Buffer.concat([start, noise, Buffer.from('ffd9', 'hex')]);
}
