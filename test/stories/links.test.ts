import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { checkPicture } from '../../src/image/picture.ts';
import { admin } from '../support/admin.ts';
import { KEY, OTHER_KEY } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { scraped } from '../support/scrape.ts';
import { PNG } from '../sdk/recorded/request.ts';
import { bodyOf } from '../support/wire.ts';
import type { OpenAIError } from '../support/wire.ts';
import { openDirectory, openGateway } from '../support/open.ts';

const IMAGES = '/v1/images/generations';
const OTHER = { authorization: `Bearer ${OTHER_KEY}` };
const HOUR_MS = 3_600_000;
const images = (prompt: string, more: object = {}) => ({ prompt, image_size: '512', seed: 7, ...more });
const linked = (prompt: string, more: object = {}) => images(prompt, { response_format: 'url', ...more });

interface Reply {
  readonly data: readonly { readonly url?: string; readonly b64_json?: string }[];
  readonly output_format: string;
  readonly usage: { readonly cost: number };
}

const replyOf = async (reply: Response): Promise<Reply> => (await reply.json()) as Reply;
const bytesOf = async (reply: Response): Promise<Buffer> => Buffer.from(await reply.arrayBuffer());
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function linkTo(gateway: TestGateway, body: object, headers: Record<string, string> = {}): Promise<string> {
  const reply = await gateway.post(IMAGES, body, headers);
  expect(reply.status).toBe(200);
  const { url } = (await replyOf(reply)).data[0]!;
  return url!;
}

async function inlineOf(gateway: TestGateway, body: object): Promise<Buffer> {
  const { data } = await replyOf(await gateway.post(IMAGES, body));
  return Buffer.from(data[0]!.b64_json!, 'base64');
}

async function refusal(url: string, init: RequestInit = {}): Promise<[number, string | null]> {
  const reply = await fetch(url, init);
  return [reply.status, (await bodyOf<OpenAIError>(reply)).error.code];
}

const counted = (gateway: TestGateway, event: string): Promise<number> =>
  scraped(gateway, 'plantain_links_total', { event });

describe('a link', () => {
  test('gives an SDK the very bytes of b64_json, without a key, in every format, and costs what the picture costs', async () => {
    const gateway = await openGateway();
    const client = new OpenAI({ apiKey: KEY, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    for (const more of [{}, { output_format: 'webp' as const }]) {
      const params = { prompt: 'a fox', response_format: 'url', ...more } as const;
      const reply = await client.images.generate({ ...params, ...images('a fox') });
      const { url, b64_json: inline } = reply.data![0]!;
      expect(inline).toBeUndefined();
      const picture = await fetch(url!);
      expect(picture.status).toBe(200);
      expect(picture.headers.get('content-type')).toBe(`image/${reply.output_format}`);
      const bytes = await bytesOf(picture);
      expect(picture.headers.get('content-length')).toBe(String(bytes.length));
      expect(bytes).toEqual(await inlineOf(gateway, images('a fox', more)));
    }
    expect(gateway.simulator.calls).toHaveLength(1);
    expect(await counted(gateway, 'made')).toBe(2);
    expect(await counted(gateway, 'served')).toBe(2);
  });

  test('is made anew by a hit at no cost, one for each of n, under Google’s base too, with all headers of a picture', async () => {
    const gateway = await openGateway();
    const first = await gateway.post(IMAGES, linked('two', { n: 2 }));
    expect(first.headers.get('x-plantain-cost-usd')).toBe('0.1');
    const { data, usage } = await replyOf(first);
    expect(usage.cost).toBe(0.1);
    expect(new Set(data.map(({ url }) => url)).size).toBe(2);
    const second = await gateway.post('/v1beta/openai/images/generations', linked('two', { n: 2 }));
    expect(second.headers.get('cache-status')).toMatch(/^Plantain; hit/);
    expect(second.headers.get('x-plantain-cost-usd')).toBe('0');
    expect(second.headers.get('x-plantain-size')).toBe(first.headers.get('x-plantain-size'));
    const again = await replyOf(second);
    for (const [index, { url }] of again.data.entries())
      expect(await bytesOf(await fetch(url!))).toEqual(await bytesOf(await fetch(data[index]!.url!)));
    expect(gateway.simulator.calls).toHaveLength(2);
  });

  test('outlives a restart, keeps a picture that no cache keeps, and ends after an hour', async () => {
    const directory = openDirectory();
    const clock = { now: Date.now() };
    const options = { directory, now: () => clock.now, config: { cache: { when: 'never' } } };
    const before = await openGateway(options);
    const url = await linkTo(before, linked('a fox'));
    const bytes = await bytesOf(await fetch(url));
    expect(await before.post(IMAGES, images('a fox')).then((reply) => reply.headers.get('cache-status'))).toMatch(
      /never/,
    );
    await before.close();
    clock.now += HOUR_MS - 5_000;
    const after = await openGateway(options);
    const moved = url.replace(before.url, after.url);
    const late = await fetch(moved);
    expect(await bytesOf(late)).toEqual(bytes);
    expect(late.headers.get('cache-control')).toMatch(/^private, max-age=[45], immutable$/);
    clock.now += 5_000;
    expect(await refusal(moved)).toEqual([410, 'link_expired']);
    expect(statSync(join(directory, 'link-secret')).mode & 0o777).toBe(0o600);
    await after.close();

    // A new secret above the old one: links of both are good. Then the old one goes.
    const old = readFileSync(join(directory, 'link-secret'), 'utf8');
    const fresh = 'n'.repeat(43);
    clock.now -= 10_000;
    writeFileSync(join(directory, 'link-secret'), `${fresh}\n${old}`);
    const rotated = await openGateway(options);
    expect((await fetch(url.replace(before.url, rotated.url))).status).toBe(200);
    const newer = await linkTo(rotated, linked('another'));
    await rotated.close();
    writeFileSync(join(directory, 'link-secret'), fresh);
    const renewed = await openGateway(options);
    expect(await refusal(url.replace(before.url, renewed.url))).toEqual([403, 'invalid_signature']);
    expect((await fetch(newer.replace(rotated.url, renewed.url))).status).toBe(200);
  });

  test('is answered by HEAD, ETag, ranges and widths, and only as the picture that it is', async () => {
    const gateway = await openGateway();
    const url = await linkTo(gateway, linked('a fox'));
    const whole = await fetch(url);
    const bytes = await bytesOf(whole);
    const etag = whole.headers.get('etag')!;
    expect(etag).toBe(`"${sha256(bytes)}"`);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'content-disposition': expect.stringMatching(/^inline; filename="picture-[\w-]{8}\.(png|jpeg)"$/),
      'cross-origin-resource-policy': 'cross-origin',
      'access-control-allow-origin': '*',
    });
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), (await bytesOf(head)).length]).toEqual([
      200,
      String(bytes.length),
      0,
    ]);
    const same = await fetch(url, { headers: { 'if-none-match': `"x", W/${etag}` } });
    expect([same.status, same.headers.get('etag'), (await bytesOf(same)).length]).toEqual([304, etag, 0]);
    const ranges: readonly [string, number, number][] = [
      ['bytes=0-0', 0, 1],
      ['bytes=1-1000', 1, 1001],
      ['bytes=5-', 5, bytes.length],
      ['bytes=-7', bytes.length - 7, bytes.length],
      [`bytes=2-${'9'.repeat(15)}`, 2, bytes.length],
    ];
    for (const [range, from, to] of ranges) {
      const part = await fetch(url, { headers: { range, 'if-range': etag } });
      expect([part.status, part.headers.get('content-range')]).toEqual([
        206,
        `bytes ${from}-${to - 1}/${bytes.length}`,
      ]);
      expect(await bytesOf(part)).toEqual(bytes.subarray(from, to));
    }
    for (const headers of [
      { range: 'bytes=0-1,5-6' },
      { range: `bytes=${Array.from({ length: 900 }, (_, each) => `${each}-${each}`).join(',')}` },
      { range: 'bytes=5-1' },
      { range: `bytes=${'0'.repeat(9000)}-1` },
      { range: 'lines=1-2' },
      { range: 'bytes=0-0', 'if-range': '"another"' },
    ]) {
      const all = await fetch(url, { headers });
      expect([all.status, (await bytesOf(all)).length]).toEqual([200, bytes.length]);
    }
    const beyond = await fetch(url, { headers: { range: `bytes=${bytes.length}-` } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`]);

    const { width } = await checkPicture(bytes);
    const small = await fetch(`${url}&w=128`);
    const info = await checkPicture(await bytesOf(small));
    expect([info.width, small.headers.get('content-type')]).toEqual([128, info.mimeType]);
    expect(small.headers.get('etag')).not.toBe(etag);
    expect(width).toBe(512);
    const wide = await fetch(`${url}&w=1024`);
    expect([wide.headers.get('etag'), await bytesOf(wide)]).toEqual([etag, bytes]);
    for (const w of ['129', '0', '', '128&w=256', '128px', '-128', '１２８'])
      expect(await refusal(`${url}&w=${w}`)).toEqual([400, 'invalid_value']);
    const posted = await fetch(url, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('that was changed in any way says no more than that, and nothing of it is logged, counted or told', async () => {
    const gateway = await openGateway();
    const [url, another] = [await linkTo(gateway, linked('a fox')), await linkTo(gateway, linked('an owl'))];
    const { pathname, searchParams } = new URL(url);
    const id = pathname.split('/').at(-1)!;
    const otherId = new URL(another).pathname.split('/').at(-1)!;
    const [expires, signature] = [searchParams.get('expires')!, searchParams.get('signature')!];
    const at = (id: string, query: string): string => `${gateway.url}/v1/images/files/${id}${query}`;
    const flipped = signature.replace(/[a-zA-Z]/, (letter) =>
      letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
    );
    const query = (e: string, s: string): string => `?expires=${e}&signature=${s}`;
    const tampered = [
      at(otherId, query(expires, signature)),
      at('A'.repeat(43), query(expires, signature)),
      at('..%2F..%2Fledger.db', query(expires, signature)),
      at(`${id}/`.repeat(2), query(expires, signature)),
      at(`${id}%00`, query(expires, signature)),
      at('f'.repeat(5000), query(expires, signature)),
      at('狐', query(expires, signature)),
      at(id, ''),
      at(id, query(String(Number(expires) + 1), signature)),
      at(id, query(`0${expires}`, signature)),
      at(id, query(`${expires}.0`, signature)),
      at(id, query(expires, flipped)),
      at(id, query(expires, signature.slice(0, -1))),
      at(id, query(expires, `${signature}=`)),
      at(id, query(expires, `${signature}&signature=${signature}`)),
      at(id, query(expires, 'é'.repeat(43))),
      at(id, `${query(expires, flipped)}&w=7`),
    ];
    const bodies: string[] = [];
    for (const each of tampered) {
      // A key changes nothing, not even the right one.
      const reply = await fetch(each, { headers: { authorization: `Bearer ${KEY}` } });
      const text = await reply.text();
      expect([each, reply.status]).toEqual([each, 403]);
      expect(text).toContain('invalid_signature');
      bodies.push(text);
    }
    expect(new Set(bodies).size).toBe(1);
    expect((await fetch(url, { headers: OTHER })).status).toBe(200);
    expect(await counted(gateway, 'bad_signature')).toBe(tampered.length);
    const told = [gateway.logged(), await (await fetch(`${gateway.operationsUrl}/metrics`)).text(), ...bodies].join(
      '\n',
    );
    for (const secret of [signature, flipped, id, 'expires=']) expect(told).not.toContain(secret);
    expect(told).toContain('GET /v1/images/files/{id}');
  });

  test('is tried in vain only sixty times a minute', async () => {
    const gateway = await openGateway();
    const statuses = new Set<number>();
    for (let tries = 0; tries < 70; tries += 1)
      statuses.add((await fetch(`${gateway.url}/v1/images/files/${'x'.repeat(43)}?expires=1&signature=2`)).status);
    expect([...statuses]).toEqual([403, 429]);
    expect((await fetch(await linkTo(gateway, linked('a fox')))).status).toBe(200);
  });

  test('ends when its scope is purged, and with its tenant', async () => {
    const gateway = await openGateway({ admin: true });
    const url = await linkTo(gateway, linked('a fox'));
    const others = await linkTo(gateway, linked('a fox'), OTHER);
    expect(new URL(others).pathname).not.toBe(new URL(url).pathname);
    await gateway.cache.purge({ scope: 'acme' });
    expect(await refusal(url)).toEqual([404, 'link_gone']);
    expect((await fetch(others)).status).toBe(200);

    await admin(gateway.adminUrl, 'POST', '/admin/tenants', { id: 'hooli', cache: { scope: 'shared' } });
    const made = await admin(gateway.adminUrl, 'POST', '/admin/keys', { tenant: 'hooli' });
    const key = String(made.body['key']);
    const hoolis = await linkTo(gateway, linked('a fox'), { authorization: `Bearer ${key}` });
    expect((await fetch(hoolis)).status).toBe(200);
    await admin(gateway.adminUrl, 'DELETE', '/admin/tenants/hooli');
    expect(await refusal(hoolis)).toEqual([404, 'link_gone']);
  });

  test('of a tenant that shares its scope keeps no picture once that is forgotten, and takes none from the others', async () => {
    const gateway = await openGateway({ admin: true });
    const shared = async (id: string): Promise<{ id: string; key: string; headers: Record<string, string> }> => {
      await admin(gateway.adminUrl, 'POST', '/admin/tenants', { id, cache: { scope: 'house' } });
      const { body } = await admin(gateway.adminUrl, 'POST', '/admin/keys', { tenant: id });
      return { id, key: String(body['id']), headers: { authorization: `Bearer ${String(body['key'])}` } };
    };
    const [hooli, initech] = [await shared('hooli'), await shared('initech')];
    const [gone, stays] = [
      await linkTo(gateway, linked('a fox'), hooli.headers),
      await linkTo(gateway, linked('a fox'), initech.headers),
    ];
    expect(gateway.simulator.calls).toHaveLength(1);
    const scopes = async (): Promise<readonly string[]> => (await gateway.cache.stats()).map(({ scope }) => scope);
    await expect.poll(scopes).toEqual(['hooli', 'house', 'initech']);
    // A key that is revoked can make no more of them; what was given away is not taken back.
    await admin(gateway.adminUrl, 'POST', `/admin/keys/${hooli.key}/revoke`);
    expect((await gateway.post(IMAGES, linked('a fox'), hooli.headers)).status).toBe(401);
    expect((await fetch(gone)).status).toBe(200);

    await admin(gateway.adminUrl, 'DELETE', '/admin/tenants/hooli');
    expect(await refusal(gone)).toEqual([404, 'link_gone']);
    expect((await admin(gateway.adminUrl, 'POST', '/admin/tenants/hooli/forget')).status).toBe(200);
    expect(await scopes()).toEqual(['house', 'initech']);
    expect((await fetch(stays)).status).toBe(200);

    // A scope is purged with all that its tenants keep beside it.
    await admin(gateway.adminUrl, 'POST', '/admin/cache/purge', { scope: 'house' });
    expect(await refusal(stays)).toEqual([404, 'link_gone']);
    expect(await scopes()).toEqual([]);
  });
});

describe('a link that nobody asked for', () => {
  const dallE = (more: object = {}) => images('a fox', { model: 'dall-e-3', ...more });

  test('is what a DALL·E name means where response_format is left out, on every path of images', async () => {
    const gateway = await openGateway();
    const picture = `data:image/png;base64,${PNG}`;
    const calls: readonly (readonly [string, object])[] = [
      [IMAGES, dallE()],
      ['/v1/images/edits', dallE({ images: [{ image_url: picture }] })],
      ['/v1/images/variations', { image: PNG, size: '512x512' }],
    ];
    for (const [path, body] of calls) {
      const { data } = await replyOf(await gateway.post(path, body));
      expect(data).toEqual([{ url: expect.stringMatching(/^http/) }]);
      expect((await checkPicture(await bytesOf(await fetch(data[0]!.url!)))).width).toBe(512);
    }
  });

  test('is none where anything speaks against it: that costs a warning at most, and never the picture', async () => {
    const gateway = await openGateway();
    const silent = await openGateway({ config: { listen: { host: '0.0.0.0' } } });
    const answers: readonly (readonly [TestGateway, object, Record<string, string>, RegExp | null])[] = [
      [gateway, { response_format: 'b64_json' }, {}, null],
      [gateway, { model: 'gpt-image-1' }, {}, null],
      [gateway, {}, { 'cache-control': 'no-store' }, /no-store/],
      [silent, {}, {}, /publicUrl/],
    ];
    for (const [asked, more, headers, warning] of answers) {
      const reply = await asked.post(IMAGES, dallE(more), headers);
      expect((await replyOf(reply)).data).toEqual([{ b64_json: expect.any(String) }]);
      if (warning === null) expect(reply.headers.get('x-plantain-warning')).toBeNull();
      else expect(reply.headers.get('x-plantain-warning')).toMatch(warning);
    }
    const bare = await gateway.post(IMAGES, dallE(), { accept: 'image/*' });
    expect((await checkPicture(await bytesOf(bare))).width).toBe(512);
    const stream = await (await gateway.post(IMAGES, dallE({ stream: true }))).text();
    expect(stream).toMatch(/image_generation\.completed.*b64_json/s);
    expect(await counted(gateway, 'made')).toBe(0);
    expect(await counted(gateway, 'not_asked')).toBe(0);
  });

  test('is the same picture as the bytes, at no cost', async () => {
    const gateway = await openGateway();
    const { data } = await replyOf(await gateway.post(IMAGES, dallE()));
    const again = await gateway.post(IMAGES, dallE({ model: 'nano-banana-2' }));
    expect(again.headers.get('x-plantain-cost-usd')).toBe('0');
    const inline = Buffer.from((await replyOf(again)).data[0]!.b64_json!, 'base64');
    expect(await bytesOf(await fetch(data[0]!.url!))).toEqual(inline);
    expect(gateway.simulator.calls).toHaveLength(1);
  });
});

describe('where there can be no link', () => {
  test('nothing is drawn: no-store, no address, a wish for bare bytes', async () => {
    const gateway = await openGateway({ config: { listen: { host: '0.0.0.0' } } });
    const known = await openGateway();
    const told = async (asked: TestGateway, headers: Record<string, string>): Promise<string> => {
      const reply = await asked.post(IMAGES, linked('a fox'), headers);
      const { error } = await bodyOf<OpenAIError>(reply);
      expect([reply.status, error.param, error.code]).toEqual([400, 'response_format', 'unsupported_value']);
      return error.message;
    };
    expect(await told(gateway, {})).toMatch(/publicUrl, or PUBLIC_URL/);
    expect(await told(known, { 'cache-control': 'no-store' })).toMatch(/no-store/);
    expect(await told(known, { accept: 'image/png' })).toMatch(/Accept/);
    expect([...gateway.simulator.calls, ...known.simulator.calls]).toEqual([]);
    expect(await counted(gateway, 'not_asked')).toBe(1);
    expect((await gateway.post(IMAGES, images('a fox'))).status).toBe(200);
  });

  test('links begin with publicUrl, whatever a Host header says', async () => {
    const gateway = await openGateway({ config: { publicUrl: 'https://pictures.example.com/gw/' } });
    const url = await linkTo(gateway, linked('a fox'), { 'x-forwarded-host': 'evil.example' });
    expect(url).toMatch(
      /^https:\/\/pictures\.example\.com\/gw\/v1\/images\/files\/[\w-]{43}\?expires=\d{10}&signature=[\w-]{43}$/,
    );
  });

  test.each(['memory', 'disk'])(
    'linked pictures have half of a store in %s and no more, and nothing that was paid for is lost',
    async (store) => {
      const bounds = { store, when: 'never', memoryBytes: 100_000_000, diskBytes: 100_000_000 };
      const probe = await openGateway({ config: { cache: bounds } });
      const bytes = (await bytesOf(await fetch(await linkTo(probe, linked('size'))))).length;
      await probe.close();
      // A tenant's share is half, and half of that is for its links: there is room for some three, as pictures differ.
      const each = store === 'memory' ? (bytes / 3) * 4 : bytes;
      const most = Math.floor(4 * 3 * each);
      const gateway = await openGateway({ config: { cache: { ...bounds, memoryBytes: most, diskBytes: most } } });
      const urls: string[] = [];
      let full: Response | null = null;
      while (full === null && urls.length < 20) {
        const reply = await gateway.post(IMAGES, linked(`picture ${urls.length}`));
        if (reply.status === 200) urls.push((await replyOf(reply)).data[0]!.url!);
        else full = reply;
      }
      expect(urls.length).toBeGreaterThan(0);
      const last = `picture ${urls.length}`;
      const { error } = await bodyOf<OpenAIError>(full!);
      expect([full!.status, error.code, full!.headers.get('x-should-retry')]).toEqual([
        503,
        'no_room_for_links',
        'false',
      ]);
      expect(full!.headers.get('x-plantain-cost-usd')).toBe('0.05');
      const drawn = gateway.simulator.calls.length;
      expect(drawn).toBe(urls.length + 1);
      const collected = await gateway.post(IMAGES, images(last));
      expect([collected.status, collected.headers.get('x-plantain-cost-usd')]).toEqual([200, '0']);
      expect(gateway.simulator.calls).toHaveLength(drawn);
      // Others have a share of their own; and a picture that is linked already needs no more room.
      expect((await fetch(await linkTo(gateway, linked(last), OTHER))).status).toBe(200);
      expect((await fetch(await linkTo(gateway, linked('picture 0')))).status).toBe(200);
      for (const url of urls) expect((await fetch(url)).status).toBe(200);
      expect(await counted(gateway, 'no_room')).toBe(1);
      // Who did not ask for a link gets the picture itself, and hears why.
      const unasked = await gateway.post(IMAGES, images(last, { model: 'dall-e-3' }));
      expect([unasked.status, unasked.headers.get('x-plantain-warning')]).toEqual([
        200,
        expect.stringMatching(/no url: no link/),
      ]);
      expect((await replyOf(unasked)).data).toEqual([{ b64_json: expect.any(String) }]);
    },
  );
});
