import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkPicture } from '../../src/image/picture.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { bytesIn } from '../support/bytes.ts';
import { keepAloft } from '../support/pause.ts';
import { everythingSaid, newDirectory, shell, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess } from '../support/process.ts';
import { bodyOf } from '../support/wire.ts';
import type { ImagesReply, OpenAIError } from '../support/wire.ts';

// Planted: none of these may ever be said.
const UPSTREAM_KEY = 'upstream-secret-5170';
const TENANT_KEY = 'sk-tenant-secret-5170';
const PROMPT = 'a secret plan of 5170 herons';
const SECRETS = [UPSTREAM_KEY, TENANT_KEY, PROMPT, 'herons'];

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY] });
});
beforeEach(() => {
  simulator.settings.latencyMs = 0;
  simulator.clearRules();
});
afterAll(() => simulator.close());

/** A configuration whose pictures the test's simulator draws, at 5 cents each. */
const configured = (directory: string, more: Record<string, unknown> = {}): string =>
  writeConfig(directory, {
    upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: simulator.url, keyFrom: 'VENDOR_KEY' }],
    models: [
      {
        id: 'gemini-3.1-flash-image',
        targets: [{ upstream: 'vendor', model: 'gemini-3.1-flash-image', price: { perImageUsd: 0.05 } }],
      },
    ],
    tenants: [{ id: 'acme', keys: [{ key: TENANT_KEY }], budgets: [{ limitUsd: 0.12, per: 'day' }] }],
    ...more,
  });

async function startConfigured(directory: string, config = configured(directory)): Promise<GatewayProcess> {
  const gateway = startProcess({ directory, args: ['--config', config], env: { VENDOR_KEY: UPSTREAM_KEY } });
  await gateway.ready();
  return gateway;
}

const ask = (gateway: GatewayProcess, body: Record<string, unknown> = {}, signal?: AbortSignal): Promise<Response> =>
  fetch(`${gateway.url}/v1/images/generations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TENANT_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: PROMPT, image_size: '512', ...body }),
    ...(signal && { signal }),
  });

const inTheAir = (calls: number): Promise<void> =>
  expect.poll(() => simulator.calls.length, { interval: 10 }).toBeGreaterThan(calls);

interface LedgerRow {
  readonly kind: string;
  readonly outcome: string | null;
  readonly spent: number;
}

function ledgerIn(directory: string): LedgerRow[] {
  const db = new DatabaseSync(join(directory, 'data/ledger.db'), { readOnly: true });
  try {
    const rows = db.prepare('SELECT kind, outcome, delta_spent AS spent FROM ledger ORDER BY seq').all();
    return rows.map(({ kind, outcome, spent }) => ({ kind, outcome, spent })) as unknown as LedgerRow[];
  } finally {
    db.close();
  }
}

describe('the first start', () => {
  test('is eight lines or so, and those that are commands work as they are printed', async () => {
    const directory = newDirectory();
    const gateway = startProcess({ directory });
    await gateway.ready();
    const lines = gateway.stdout().trimEnd().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(6);
    expect(lines.length).toBeLessThanOrEqual(9);
    expect(gateway.stderr()).toBe('');
    const [images, native] = lines
      .filter((line) => line.includes('curl'))
      .map((line) => line.slice(line.indexOf('curl')));

    const first = await shell(images!, directory);
    expect(first).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(first).toMatch(/^cache-status: Plantain; fwd=miss; stored; key="[0-9a-f]{64}"\r$/im);
    const fox = readFileSync(join(directory, 'fox.png'));
    expect(await checkPicture(fox)).toMatchObject({ type: 'png', width: 1024, height: 1024 });

    const second = await shell(images!, directory);
    expect(second).toMatch(/^cache-status: Plantain; hit/im);
    expect(second).toMatch(/^x-plantain-cost-usd: 0\r$/im);
    expect(readFileSync(join(directory, 'fox.png'))).toEqual(fox);

    expect(await shell(native!, directory)).toMatch(/^cache-status: Plantain; hit/im);
    expect(JSON.parse(readFileSync(join(directory, 'fox.json'), 'utf8'))).toHaveProperty('candidates');

    const metrics = await (await fetch(`${gateway.operationsUrl}/metrics`)).text();
    expect(metrics).toContain('plantain_simulator 1');
    expect(metrics).toContain('plantain_cache_requests_total{tier="memory",result="hit"} 2');
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
  });

  test('with a vendor’s key says who is paid, makes a key that stays, and caps it', async () => {
    const directory = newDirectory();
    const env = { GEMINI_API_KEY: UPSTREAM_KEY };
    const first = startProcess({ directory, env });
    await first.ready();
    await expect.poll(() => first.stdout()).toMatch(/PAID FOR at google/);
    await expect.poll(() => first.stdout()).toMatch(/data\/first-key.*may spend \$1 a day/);
    const file = join(directory, 'data/first-key');
    for (const private_ of [file, `${file}.sha256`]) expect(statSync(private_).mode & 0o777).toBe(0o600);
    const key = readFileSync(file, 'utf8').trim();
    expect(first.stdout()).not.toContain(key);

    const models = (gateway: GatewayProcess, with_: string): Promise<Response> =>
      fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${with_}` } });
    expect((await models(first, key)).status).toBe(200);
    expect((await models(first, 'sk-plantain-dev')).status).toBe(401);
    first.kill('SIGTERM');
    expect(await first.ended).toBe(0);

    const second = startProcess({ directory, env });
    await second.ready();
    expect((await models(second, key)).status).toBe(200);
    const metrics = await (await fetch(`${second.operationsUrl}/metrics`)).text();
    expect(metrics).toContain('plantain_simulator 0');
    expect(second.stdout() + second.stderr() + metrics).not.toContain(key);
  });
});

describe('a start that cannot be', () => {
  test('names every mistake of the configuration by path and line, with exit code 78', async () => {
    const directory = newDirectory();
    const config = writeConfig(
      directory,
      ['listen: { prt: 8080 }', 'cache:', '  when: sometimes', 'tenants:', '  - { id: acme, keys: [] }', ''].join('\n'),
    );
    const gateway = startProcess({ directory, args: ['--config', config] });
    expect(await gateway.ended).toBe(78);
    for (const place of ['my.yaml:1 listen.prt: ', 'my.yaml:3 cache.when: ', 'my.yaml:5 tenants[0].keys: '])
      expect(gateway.stderr()).toContain(place);
    expect(gateway.stderr()).not.toMatch(/\n {4}at /);
    expect(gateway.stdout()).toBe('');
  });

  test('without a key it serves this machine only: another host ends with 78 and says what to do', async () => {
    const gateway = startProcess({ directory: newDirectory(), env: { HOST: '0.0.0.0' } });
    expect(await gateway.ended).toBe(78);
    expect(gateway.stderr()).toMatch(/GEMINI_API_KEY/);
    expect(gateway.stderr()).toMatch(/127\.0\.0\.1/);
  });

  test('a configuration that names no usable upstream ends with 78 and the reasons', async () => {
    const directory = newDirectory();
    const gateway = startProcess({ directory, args: ['--config', configured(directory)] });
    expect(await gateway.ended).toBe(78);
    expect(gateway.stderr()).toMatch(/VENDOR_KEY is not set/);
  });

  test.each(['PORT', 'OPERATIONS_PORT'])('a taken %s is named, with how to choose another', async (variable) => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    const gateway = startProcess({ directory: newDirectory(), env: { [variable]: String(port) } });
    expect(await gateway.ended).toBe(1);
    expect(gateway.stderr()).toContain(`Port ${port} is taken`);
    expect(gateway.stderr()).toContain('PORT=8081 npm start');
    expect(gateway.stdout()).toBe('');
    squatter.close();
  });

  test('two gateways do not share a data directory, and the first goes on', async () => {
    const directory = newDirectory();
    const first = await startConfigured(directory);
    const second = startProcess({ directory, args: ['--config', 'my.yaml'], env: { VENDOR_KEY: UPSTREAM_KEY } });
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toMatch(/data directory .*data is in use by another Plantain process/);
    expect((await ask(first)).status).toBe(200);
  });

  test('an unknown option ends with 78 and the options there are', async () => {
    const gateway = startProcess({ directory: newDirectory(), args: ['--prot', '1'] });
    expect(await gateway.ended).toBe(78);
    expect(gateway.stderr()).toContain('--config FILE');
  });
});

describe('commands that only say something', () => {
  const run = async (args: string[], directory = newDirectory()): Promise<{ code: unknown; said: string }> => {
    const gateway = startProcess({ directory, args, env: { VENDOR_KEY: UPSTREAM_KEY } });
    const code = await gateway.ended;
    return { code, said: gateway.stdout() };
  };

  test('--check prints the configuration that would count, without its secrets', async () => {
    const directory = newDirectory();
    const { code, said } = await run(['--check', '--config', configured(directory)], directory);
    expect(code).toBe(0);
    expect(said).toContain(simulator.url);
    expect(said).toContain('limitUsd: 0.12');
    for (const secret of SECRETS) expect(said).not.toContain(secret);
  });

  test('--version and --help end with 0 and start nothing', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, said: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    expect(await run(['--help'])).toEqual({ code: 0, said: expect.stringContaining('--check') });
  });
});

describe('the end', () => {
  test('SIGTERM finishes the picture in the air, refuses new ones, and ends with 0', async () => {
    const land = keepAloft(simulator);
    const gateway = await startConfigured(newDirectory());
    const calls = simulator.calls.length;
    const asked = ask(gateway);
    await inTheAir(calls);
    gateway.kill('SIGTERM');
    await expect.poll(async () => (await fetch(`${gateway.operationsUrl}/readyz`)).status).toBe(503);
    expect((await fetch(`${gateway.operationsUrl}/livez`)).status).toBe(200);
    await expect
      .poll(() =>
        fetch(`${gateway.url}/livez`).then(
          ({ status }) => status,
          () => 'refused',
        ),
      )
      .toBe('refused');
    land();
    const reply = await asked;
    expect(reply.status).toBe(200);
    expect(reply.headers.get('connection')).toBe('close');
    expect((await bodyOf<ImagesReply>(reply)).data).toHaveLength(1);
    expect(await gateway.ended).toBe(0);
    expect(gateway.stdout()).toMatch(/"msg":"drained"\}\n$/);
  });

  test('a picture whose caller hung up is finished and settled before it', async () => {
    const land = keepAloft(simulator);
    const directory = newDirectory();
    const gateway = await startConfigured(directory);
    const calls = simulator.calls.length;
    const hungUp = new AbortController();
    const asked = ask(gateway, {}, hungUp.signal).catch(() => 'hung up');
    await inTheAir(calls);
    hungUp.abort();
    expect(await asked).toBe('hung up');
    gateway.kill('SIGTERM');
    await expect.poll(() => gateway.stdout()).toContain('"msg":"draining"');
    land();
    expect(await gateway.ended).toBe(0);
    expect(ledgerIn(directory)).toEqual([
      { kind: 'reserve', outcome: null, spent: 0 },
      { kind: 'settle', outcome: 'ok', spent: 50_000_000 },
    ]);
  });

  test('waits for no connection on which nobody waits for a picture', async () => {
    const gateway = await startConfigured(newDirectory());
    const head =
      'POST /v1/images/generations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n';
    const said = await Promise.all(
      ['', head, `${head}authorization: Bearer ${TENANT_KEY}\r\n\r\n{"prompt":`].map(async (words) => {
        const socket = connect(gateway.port, '127.0.0.1');
        let heard = '';
        socket.on('data', (chunk) => (heard += chunk.toString()));
        await once(socket, 'connect');
        if (words !== '') await new Promise((resolve) => socket.write(words, resolve));
        return { socket, heard: () => heard };
      }),
    );
    // A request behind them: by its answer they have all been heard of.
    expect((await ask(gateway)).status).toBe(200);
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    expect(said.map(({ heard }) => heard().slice(0, 12))).toEqual(['', '', 'HTTP/1.1 503']);
    expect(said[2]!.heard()).toContain('shutting_down');
    for (const { socket } of said) socket.destroy();
  });

  test('a second signal ends it at once', async () => {
    simulator.settings.latencyMs = 60_000;
    const gateway = await startConfigured(newDirectory());
    const calls = simulator.calls.length;
    const asked = ask(gateway).catch(() => 'cut off');
    await inTheAir(calls);
    gateway.kill('SIGTERM');
    await expect.poll(() => gateway.stdout()).toContain('"msg":"draining"');
    gateway.kill('SIGTERM');
    expect(await gateway.ended).not.toBe(0);
    expect(await asked).toBe('cut off');
  });

  test('kill -9 in the middle of a picture: the next start charges it as unknown and says so, and the budget knows', async () => {
    simulator.settings.latencyMs = 60_000;
    const directory = newDirectory();
    const killed = await startConfigured(directory);
    const calls = simulator.calls.length;
    const asked = ask(killed, { n: 2 }).catch(() => 'cut off');
    await inTheAir(calls + 1);
    killed.kill('SIGKILL');
    expect(await killed.ended).toBe('SIGKILL');
    expect(await asked).toBe('cut off');

    simulator.settings.latencyMs = 0;
    const gateway = await startConfigured(directory, 'my.yaml');
    const metrics = await (await fetch(`${gateway.operationsUrl}/metrics`)).text();
    expect(metrics).toContain('plantain_budget_expired_holds_total 2\n');
    const refused = await ask(gateway);
    expect(refused.status).toBe(429);
    expect((await bodyOf<OpenAIError>(refused)).error).toMatchObject({
      code: 'insufficient_quota',
      message: expect.stringContaining('$0.10 is spent'),
    });
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    expect(gateway.stdout()).toMatch(/"pictures":2,"costUsd":"0\.1","msg":"ledger: pictures in the air .* as unknown"/);
    const expired = { kind: 'expire', outcome: 'unknown', spent: 50_000_000 };
    expect(ledgerIn(directory).filter(({ kind }) => kind !== 'reserve')).toEqual([expired, expired]);
  });
});

describe('what a gateway says', () => {
  test('holds no key, no prompt and no query, in whatever trouble', async () => {
    const directory = newDirectory();
    const config = configured(directory, { tenants: [{ id: 'acme', keys: [{ key: TENANT_KEY }] }] });
    const gateway = await startConfigured(directory, config);
    const native = `${gateway.url}/v1beta/models/gemini-3.1-flash-image:generateContent`;
    const send = async (url: string, body: unknown, headers: Record<string, string> = {}): Promise<string> => {
      const reply = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await reply.text();
      return JSON.stringify([...reply.headers]) + (reply.status === 200 ? '' : text);
    };
    const contents = [{ parts: [{ text: PROMPT }] }];
    const images = `${gateway.url}/v1/images/generations`;
    const bearer = { authorization: `Bearer ${TENANT_KEY}` };
    const answers = [
      await send(`${native}?key=${TENANT_KEY}`, { contents }),
      await send(`${native}?key=${TENANT_KEY}x`, { contents }),
      await send(`${gateway.url}/v1beta/nowhere?key=${TENANT_KEY}`, { contents }),
      await send(`${gateway.url}/v1beta/models/%ZZ?key=${TENANT_KEY}`, { contents }),
      await send(`${native}?key=${TENANT_KEY}`, { contents, generationConfig: { imageConfig: { imageSize: '9K' } } }),
      await send(images, { prompt: PROMPT }, { authorization: `Bearer ${TENANT_KEY}wrong` }),
      await send(images, { prompt: PROMPT }, { authorization: TENANT_KEY }),
      await send(images, { prompt: PROMPT }, { authorization: `Basic ${btoa(`user:${TENANT_KEY}`)}` }),
      await send(native, { contents }, { 'x-goog-api-key': TENANT_KEY }),
      await send(native, { contents }, { 'x-goog-api-key': `${TENANT_KEY}wrong` }),
      await send(images, { prompt: PROMPT }, { 'x-api-key': TENANT_KEY }),
      await send(images, { prompt: PROMPT }, { 'x-api-key': `${TENANT_KEY}wrong` }),
      await send(images, { prompt: PROMPT, seed: 1 }, bearer),
      await send(images, { prompt: PROMPT, seed: 1 }, bearer),
      await send(images, { prompt: PROMPT, n: '2' }, bearer),
      await send(images, `{"prompt":"${PROMPT}",`, bearer),
      await send(images, { prompt: PROMPT, size: 'banana', user: TENANT_KEY }, bearer),
    ];
    for (const fault of ['key-invalid', 'forbidden', 'reset', 'image-safety', 'internal', 'bad-json'] as const) {
      simulator.rule({ fault, times: 1 });
      answers.push(await send(images, { prompt: PROMPT }, bearer));
    }
    const metrics = await (await fetch(`${gateway.operationsUrl}/metrics`)).text();
    const data = join(directory, 'data');
    // While it runs, most of it is in the log of the ledger.
    expect(readdirSync(data)).toContain('ledger.db-wal');
    const running = bytesIn(data);
    expect(running).toContain('acme');
    gateway.kill('SIGTERM');
    expect(await gateway.ended).toBe(0);
    const ended = bytesIn(data);
    expect(gateway.stdout()).toContain('"outcome":"unauthenticated"');
    for (const secret of [...SECRETS, btoa(`user:${TENANT_KEY}`)]) {
      expect(answers.join('\n')).not.toContain(secret);
      expect(metrics).not.toContain(secret);
      expect(gateway.stdout() + gateway.stderr()).not.toContain(secret);
      expect(running).not.toContain(secret);
      expect(ended).not.toContain(secret);
    }
    expect(gateway.stdout()).not.toContain('?key=');
  });

  test('held none in any of these stories', () => {
    expect(everythingSaid()).not.toBe('');
    for (const secret of SECRETS) expect(everythingSaid()).not.toContain(secret);
  });
});
