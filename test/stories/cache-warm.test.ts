import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { cacheWarm } from '../../src/cli/cache-warm.ts';
import { WrongUse } from '../../src/cli/command.ts';
import { KEY, OTHER_KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

const IMAGES = '/v1/images/generations';
const NATIVE = '/v1beta/models/gemini-3.1-flash-image:generateContent';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    simulator: { signatureBytes: 64, latencyMs: 5 },
    config: {
      tenants: [
        { id: 'acme', keys: [{ key: KEY }] },
        { id: 'globex', keys: [{ key: OTHER_KEY }], budgets: [{ limitUsd: 0.12, per: 'total' }] },
      ],
    },
  });
});
afterAll(() => gateway.close());

let callsBefore = 0;
let prompt = '';
beforeEach(({ task }) => {
  callsBefore = gateway.simulator.calls.length;
  prompt = task.name;
  gateway.simulator.clearRules();
});
const calls = (): number => gateway.simulator.calls.length - callsBefore;

const picture = (seed: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  prompt,
  seed,
  image_size: '512',
  ...more,
});

interface Asked {
  readonly words?: readonly string[];
  readonly key?: string;
  readonly answer?: boolean;
}

async function warm(lines: readonly (string | object)[], { words = ['--yes'], key = KEY, answer }: Asked = {}) {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  writeFileSync(join(gateway.directory, 'prompts.jsonl'), text);
  let [said, noted] = ['', ''];
  const code = await cacheWarm.run(['prompts.jsonl', ...words], {
    environment: { PLANTAIN_KEY: key, PLANTAIN_URL: `${gateway.url}/` },
    workingDirectory: gateway.directory,
    print: (words) => void (said += words),
    note: (words) => void (noted += words),
    input: () => Promise.resolve(text),
    confirm: answer === undefined ? null : () => Promise.resolve(answer),
  });
  return { code, said, noted };
}

test('what a file lists is priced, drawn, and then a hit for whoever asks, in either dialect', async () => {
  const contents = [{ parts: [{ text: prompt }] }];
  const generationConfig = { seed: 9, responseModalities: ['IMAGE'], imageConfig: { imageSize: '512' } };
  await gateway.post(IMAGES, picture(1));
  const list = [
    picture(1),
    '',
    picture(2, { n: 2 }),
    picture(1),
    { path: NATIVE, body: { contents, generationConfig } },
  ];
  const first = await warm(list);
  expect(first.said).toMatch(
    /^4 pictures: 1 are there, 3 to be drawn, for about \$0\.15, at most \$0\.15\n2 requests drawn for \$0\.15 in [\d.]+ s\n$/,
  );
  expect(first.noted).toMatch(/^[12]\/2 line 3: \$0\.1, Plantain; fwd=miss; stored \([\d.]+ s\)$/m);
  expect(first.code).toBe(0);
  expect(calls()).toBe(4);

  const again = await warm(list);
  expect(again).toMatchObject({ code: 0, said: '4 pictures: 4 are there, 0 to be drawn\n' });
  const reply = await gateway.post(IMAGES, picture(9));
  expect(reply.headers.get('cache-status')).toMatch(/^Plantain; hit/);
  await reply.body?.cancel();
  expect(calls()).toBe(4);
});

test('standard input will do, and so will max-age instead of a seed', async () => {
  const { seed: _seed, ...unseeded } = picture(1);
  await expect(warm([unseeded])).rejects.toThrow(
    'line 1: its picture would not be kept (no-seed); give it a seed, or see --max-age\nNothing was drawn.',
  );
  expect((await warm([unseeded], { words: ['--yes', '--max-age', '86400'] })).code).toBe(0);
  const reply = await gateway.post(IMAGES, unseeded, { 'cache-control': 'max-age=3600' });
  expect(reply.headers.get('cache-status')).toMatch(/^Plantain; hit/);
  await reply.body?.cancel();
  expect(calls()).toBe(1);
});

test('nothing is drawn without a yes, or above the price that was named', async () => {
  const list = [picture(1), picture(2)];
  const unasked = await warm(list, { words: [] });
  expect(unasked).toMatchObject({ code: 1, noted: 'Nothing was drawn: say --yes to have it drawn.\n' });
  expect(await warm(list, { words: [], answer: false })).toMatchObject({ code: 1, noted: 'Nothing was drawn.\n' });
  const dear = await warm(list, { words: ['--yes', '--most-usd', '0.09'] });
  expect(dear).toMatchObject({ code: 1, noted: 'Nothing was drawn: it could be more than $0.09.\n' });
  expect(calls()).toBe(0);
  expect((await warm(list, { words: ['--most-usd', '0.10'], answer: true })).code).toBe(0);
  expect(calls()).toBe(2);
});

test('every bad line is named before anything is drawn', async () => {
  const list = [
    picture(1),
    '{"prompt": ',
    '[]',
    { path: NATIVE, body: {}, extra: 1 },
    { path: 'v1/images', body: {} },
    { path: NATIVE, body: 'text' },
  ];
  await expect(warm(list)).rejects.toThrow(
    [
      'line 2: is not JSON',
      'line 3: must be a JSON object',
      'line 4: beside path and body there is "extra"',
      'line 5: path must be one such as /v1/images/generations',
      'line 6: body must be the JSON object that is sent there',
    ].join('\n'),
  );
  const refused = warm([
    picture(1),
    picture(2, { model: 'nano-\u001b[31mbanana' }),
    picture(3, { size: 'banana' }),
    { path: '/v1/nowhere', body: {} },
  ]);
  await expect(refused).rejects.toThrow(
    /^line 2: [^\u001b]*banana.*\nline 3: size must be .*\nline 4: for must be a path.*\nNothing was drawn\.$/,
  );
  await expect(warm(['', ' '])).rejects.toThrow('The file names no request.');
  expect(calls()).toBe(0);
});

test('a budget that cannot hold it is foretold, and ends it when it is spent', async () => {
  const list = [1, 2, 3, 4, 5].map((seed) => picture(seed));
  const told = await warm(list, { key: OTHER_KEY, words: ['--yes', '--concurrency', '1'] });
  expect(told.code).toBe(1);
  expect(told.noted).toMatch(/^That may be more than is left of a budget: \$0\.12\.$/m);
  expect(told.said).toMatch(/\n2 requests drawn for \$0\.1 in [\d.]+ s, 1 failed, 2 not asked for\n$/);
  expect(told.noted).toMatch(/^line 3: .*budget/m);
  expect(calls()).toBe(2);
});

test('what the vendor is too busy for is asked for again, and one that fails stops no other', async () => {
  gateway.simulator.rule({ fault: 'overloaded', times: 1, promptContains: prompt });
  gateway.simulator.rule({ fault: 'image-safety', times: 1, promptContains: prompt });
  const told = await warm([1, 2, 3].map((seed) => picture(seed)));
  expect(told.said).toMatch(/\n2 requests drawn for \$0\.1 in [\d.]+ s, 1 failed\n$/);
  expect(told.code).toBe(1);
});

test('a wrong key, no key, another address and odd options are told in plain words', async () => {
  await expect(warm([picture(1)], { key: 'sk-wrong' })).rejects.toThrow(/^line 1: .*key.*\nNothing was drawn\.$/);
  await expect(warm([picture(1)], { key: '' })).rejects.toThrow(WrongUse);
  await expect(warm([picture(1)], { words: ['--gateway', 'ftp://x'] })).rejects.toThrow(/http/);
  await expect(warm([picture(1)], { words: ['--gateway', 'http://127.0.0.1:1'] })).rejects.toThrow(
    'line 1: No gateway answers at http://127.0.0.1:1: is it running there?\nNothing was drawn.',
  );
  await expect(warm([picture(1)], { words: ['--concurrency', '33'] })).rejects.toThrow(/1 to 32/);
  await expect(warm([picture(1)], { words: ['--most-usd', 'lots'] })).rejects.toThrow(/dollars/);
});
