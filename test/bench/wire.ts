import { lift, splice } from '../../src/wire/json.ts';

export interface Row {
  readonly name: string;
  /** Of one run. */
  readonly medianMs: number;
  /** To the same work done with JSON.parse and JSON.stringify. */
  readonly ratio: string;
}

interface Document {
  readonly name: string;
  readonly bytes: Buffer;
  /** How often the work is done for one measurement, and how many measurements are taken. */
  readonly runs: number;
  readonly rounds: number;
}

/** What the gateway does with a body, and its naive counterpart. */
interface Work {
  readonly name: string;
  readonly ours: () => unknown;
  readonly naive: () => unknown;
}

const CHUNK_BYTES = 65_536;

/** `lift` and `splice` beside JSON.parse and JSON.stringify, bytes to bytes, measured in turns. */
export async function benchWire(): Promise<Row[]> {
  return documents().flatMap((document) =>
    worksOn(document.bytes).flatMap(({ name, ours, naive }) => {
      const [oursMs, naiveMs] = medians([ours, naive], document);
      return [
        { name: `${document.name}: ${name}`, medianMs: oursMs, ratio: (oursMs / naiveMs).toFixed(3) },
        { name: `${document.name}: ${name}, naive`, medianMs: naiveMs, ratio: '1' },
      ];
    }),
  );
}

function documents(): Document[] {
  return [
    { name: '2 KB request', bytes: request(), runs: 1000, rounds: 31 },
    { name: '4 MB reply, signature', bytes: reply(1_200_000, 2_900_000), runs: 1, rounds: 31 },
    { name: '28 MB reply', bytes: reply(28_000_000, 1_000), runs: 1, rounds: 15 },
  ];
}

function worksOn(bytes: Buffer): Work[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) chunks.push(bytes.subarray(at, at + CHUNK_BYTES));
  const lifted = lift(chunks);
  const parsed: unknown = JSON.parse(bytes.toString());
  return [
    { name: 'lift', ours: () => lift(chunks), naive: () => JSON.parse(Buffer.concat(chunks).toString()) as unknown },
    { name: 'splice', ours: () => splice(lifted), naive: () => Buffer.from(JSON.stringify(parsed)) },
    {
      name: 'lift + splice',
      ours: () => splice(lift(chunks)),
      naive: () => Buffer.from(JSON.stringify(JSON.parse(Buffer.concat(chunks).toString()))),
    },
  ];
}

/** Milliseconds of one run, taken in turns so that a busy machine is busy for both. */
function medians([ours, naive]: readonly [() => unknown, () => unknown], { runs, rounds }: Document): [number, number] {
  const oursMs: number[] = [];
  const naiveMs: number[] = [];
  globalThis.gc?.(); // once, not each time: it throws away compiled code too
  for (let round = -3; round < rounds; round += 1) {
    const [a, b] = [measure(ours, runs), measure(naive, runs)];
    if (round < 0) continue; // warming up
    oursMs.push(a);
    naiveMs.push(b);
  }
  return [median(oursMs), median(naiveMs)];
}

function measure(work: () => unknown, runs: number): number {
  const start = performance.now();
  for (let run = 0; run < runs; run += 1) work();
  return (performance.now() - start) / runs;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function request(): Buffer {
  const text = 'A fox in fresh snow at first light, low sun behind bare birches, long blue shadows. '.repeat(16);
  return Buffer.from(
    JSON.stringify({
      contents: [{ role: 'user', parts: [{ text }] }],
      generationConfig: {
        responseModalities: ['TEXT', 'IMAGE'],
        imageConfig: { aspectRatio: '16:9', imageSize: '2K' },
        seed: 7,
        temperature: 0.4,
      },
      safetySettings: ['HARASSMENT', 'HATE_SPEECH', 'SEXUALLY_EXPLICIT', 'DANGEROUS_CONTENT'].map((word) => ({
        category: `HARM_CATEGORY_${word}`,
        threshold: 'BLOCK_ONLY_HIGH',
      })),
    }),
  );
}

function reply(pictureLength: number, signatureLength: number): Buffer {
  const data = base64(pictureLength);
  const thoughtSignature = base64(signatureLength);
  const parts = [{ inlineData: { mimeType: 'image/jpeg', data }, thoughtSignature }];
  const candidates = [{ content: { parts, role: 'model' }, finishReason: 'STOP', index: 0 }];
  const usageMetadata = { promptTokenCount: 22, candidatesTokenCount: 1216, totalTokenCount: 1417 };
  return Buffer.from(JSON.stringify({ candidates, usageMetadata, modelVersion: 'gemini-3-pro-image' }, null, 2));
}

function base64(length: number): string {
  const words = Uint32Array.from({ length: Math.ceil((length * 3) / 16) }, (_, i) => Math.imul(i + 1, 2_654_435_761));
  return Buffer.from(words.buffer).toString('base64').slice(0, length);
}
