import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawing } from '../image/samples.ts';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { FLASH, GENERATIONS, picturesOf } from './anthropic.ts';
import { createClient, pictureOf, SDKS } from './genai.ts';

let gateway: TestGateway;
let png: Buffer;
beforeAll(async () => {
  gateway = await startGateway();
  png = await drawing(3).png().toBuffer();
});
afterAll(() => gateway.close());

const callsOf = async (work: () => Promise<unknown>): Promise<number> => {
  const before = gateway.simulator.calls.length;
  await work();
  return gateway.simulator.calls.length - before;
};

const collect = async <T>(pages: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const each of pages) all.push(each);
  return all;
};

test('openai sends a file, lists and reads it, draws with it, and deletes it', async () => {
  const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1` });
  const upload = await OpenAI.toFile(png, 'fox.png', { type: 'image/png' });
  const expires = { anchor: 'created_at', seconds: 3600 } as const;
  const file = await client.files.create({ file: upload, purpose: 'vision', expires_after: expires });
  expect(file).toMatchObject({ object: 'file', bytes: png.length, filename: 'fox.png', purpose: 'vision' });
  expect(file.expires_at! - file.created_at).toBe(3600);
  expect((await collect(client.files.list({ limit: 1 }))).map(({ id }) => id)).toContain(file.id);
  expect(await client.files.retrieve(file.id)).toEqual(file);
  const content = await client.files.content(file.id);
  expect(Buffer.from(await content.arrayBuffer()).equals(png)).toBe(true);
  const drawn = await callsOf(async () => {
    const body = { images: [{ file_id: file.id }], prompt: 'a hat', image_size: '512' };
    const reply = await client.post<OpenAI.ImagesResponse>('/images/edits', { body });
    expect(reply.data).toHaveLength(1);
  });
  expect(drawn).toBe(1);
  const another = new OpenAI({ apiKey: OTHER_KEY, baseURL: `${gateway.url}/v1` });
  await expect(another.files.retrieve(file.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  expect(await client.files.delete(file.id)).toMatchObject({ id: file.id, deleted: true });
  await expect(client.files.retrieve(file.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
});

describe.each(SDKS)('$name', ({ sdk }) => {
  test('sends a file in its steps, lists it, draws with it, and deletes it', async () => {
    const ai = createClient(sdk, gateway.url);
    // More than one of its pieces of 8 MiB.
    const large = Buffer.concat([png, Buffer.alloc(9 << 20, 1)]);
    const whole = await ai.files.upload({
      file: new Blob([large]),
      config: { mimeType: 'image/png', name: 'large-one' },
    });
    expect(whole).toMatchObject({ name: 'files/large-one', sizeBytes: String(large.length), state: 'ACTIVE' });
    await ai.files.delete({ name: 'large-one' });

    const config = { mimeType: 'image/png', displayName: 'fox' };
    const file = await ai.files.upload({ file: new Blob([new Uint8Array(png)]), config });
    expect(file).toMatchObject({ displayName: 'fox', mimeType: 'image/png', sizeBytes: String(png.length) });
    const listed = await collect(await ai.files.list({ config: { pageSize: 1 } }));
    expect(listed.map(({ name }) => name)).toContain(file.name);
    expect(await ai.files.get({ name: file.name! })).toMatchObject({ uri: file.uri });
    const drawn = await callsOf(async () => {
      const picture = sdk.createPartFromUri(file.uri!, file.mimeType!);
      const reply = await ai.models.generateContent({ model: FLASH, contents: ['a hat', picture] });
      expect(pictureOf(reply)).toBeDefined();
    });
    expect(drawn).toBe(1);
    const theirs = createClient(sdk, gateway.url, {}, OTHER_KEY);
    await expect(theirs.files.get({ name: file.name! })).rejects.toMatchObject({ status: 403 });
    await ai.files.delete({ name: file.name! });
    await expect(ai.files.get({ name: file.name! })).rejects.toMatchObject({ status: 403 });
  });
});

describe.each(GENERATIONS)('@anthropic-ai/sdk $generation', ({ Client }) => {
  test('sends a file, lists and reads it, draws with it, and deletes it', async () => {
    const client = new Client({ apiKey: KEY, baseURL: gateway.url });
    const upload = new File([new Uint8Array(png)], 'fox.png', { type: 'image/png' });
    const file = await client.beta.files.upload({ file: upload });
    expect(file).toMatchObject({ type: 'file', filename: 'fox.png', mime_type: 'image/png', size_bytes: png.length });
    expect((await collect(client.beta.files.list({ limit: 1 }))).map(({ id }) => id)).toContain(file.id);
    expect(await client.beta.files.retrieveMetadata(file.id)).toEqual(file);
    const content = await client.beta.files.download(file.id);
    expect(Buffer.from(await content.arrayBuffer()).equals(png)).toBe(true);
    const source = { type: 'file', file_id: file.id };
    const message = await client.beta.messages.create({
      model: FLASH,
      max_tokens: 1024,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'a hat' }, { type: 'image', source } as never] }],
    });
    expect(picturesOf(message as never)).toHaveLength(1);
    expect(await client.beta.files.delete(file.id)).toMatchObject({ id: file.id, type: 'file_deleted' });
    await expect(client.beta.files.retrieveMetadata(file.id)).rejects.toMatchObject({ status: 404 });
  });
});
