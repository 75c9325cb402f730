import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pngOf } from '../support/big-picture.ts';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { askAndHangUp } from '../support/hang-up.ts';
import { keepAloft } from '../support/pause.ts';
import { startFrontProxy, withProxies } from '../support/proxies.ts';
import type { FrontProxy, ProxyName } from '../support/proxies.ts';
import { scraped } from '../support/scrape.ts';

const IMAGES = '/v1/images/generations';
const SMALL = { image_size: '512' };
const AUTHORIZED = { authorization: `Bearer ${KEY}` };
const BIG = 20 << 20;

withProxies('a gateway behind a proxy', () => {
  describe.each<ProxyName>(['nginx', 'haproxy'])('%s', (name) => {
    let gateway: TestGateway;
    let proxy: FrontProxy;
    beforeAll(async () => {
      gateway = await startGateway({
        simulator: { signatureBytes: 64 },
        config: { trustProxy: ['127.0.0.1'], tenants: [{ id: 'acme', keys: [{ key: KEY }] }] },
      });
      proxy = await startFrontProxy(name, gateway.url);
    });
    afterAll(async () => {
      await proxy.close();
      await gateway.close();
    });
    const post = (path: string, body: unknown): Promise<Response> =>
      fetch(proxy.url + path, {
        method: 'POST',
        headers: { ...AUTHORIZED, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });

    test('shows the drafts of a stream before the picture is drawn', async () => {
      gateway.simulator.settings.latencyMs = 3_000;
      const reply = await post(IMAGES, { prompt: 'a fox', stream: true, partial_images: 2, ...SMALL });
      const reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader();
      let heard = '';
      while (!heard.includes('partial_image_index')) heard += (await reader.read()).value ?? '';
      expect(gateway.simulator.calls.at(-1)?.answered).toBeNull();
      gateway.simulator.settings.latencyMs = 0;
      for (let read = await reader.read(); !read.done; read = await reader.read()) heard += read.value;
      expect(heard).toContain('image_generation.completed');
    });

    test('passes 20 MB up and down, byte for byte', async () => {
      const picture = pngOf(BIG);
      const file = new File([new Uint8Array(picture)], 'fox.png', { type: 'image/png' });
      const form = new FormData();
      form.set('purpose', 'vision');
      form.set('file', file);
      const sent = await fetch(`${proxy.url}/v1/files`, { method: 'POST', headers: AUTHORIZED, body: form });
      expect(sent.status).toBe(200);
      const { id } = (await sent.json()) as { readonly id: string };
      const had = await fetch(`${proxy.url}/v1/files/${id}/content`, { headers: AUTHORIZED });
      expect(Buffer.from(await had.arrayBuffer()).equals(picture)).toBe(true);
      const edit = new FormData();
      edit.set('prompt', 'bluer');
      edit.set('image_size', '512');
      edit.set('image', file);
      const edited = await fetch(`${proxy.url}/v1/images/edits`, { method: 'POST', headers: AUTHORIZED, body: edit });
      expect(edited.status).toBe(200);
      await edited.arrayBuffer();
    });

    test('lets who hangs up be noticed, so that it has its picture when it comes back, paid once', async () => {
      const before = gateway.simulator.calls.length;
      const land = keepAloft(gateway.simulator);
      await askAndHangUp({ ...gateway, url: proxy.url }, IMAGES, { prompt: 'a heron', ...SMALL });
      await expect.poll(() => scraped(gateway, 'plantain_singleflight_detached')).toBe(1);
      const again = post(IMAGES, { prompt: 'a heron', ...SMALL });
      land();
      expect((await again).status).toBe(200);
      expect(gateway.simulator.calls).toHaveLength(before + 1);
    });

    test('keeps its callers’ connections, and is told of refusals in the gateway’s own words', async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const ports = new Set<number | undefined>();
      for (const key of [KEY, KEY, 'nobody', KEY]) {
        const asked = request(`${proxy.url}/v1/models`, { agent, headers: { authorization: `Bearer ${key}` } }).end();
        const [reply] = (await once(asked, 'response')) as [IncomingMessage];
        ports.add(asked.socket?.localPort);
        expect(reply.statusCode).toBe(key === KEY ? 200 : 401);
        expect(reply.headers['x-request-id']).toMatch(/^req_/);
        reply.resume();
        await once(reply, 'end');
      }
      agent.destroy();
      expect(ports.size).toBe(1);
    });

    test('passes on what is refused before all of it was sent', async () => {
      const body = Buffer.alloc(BIG, 'a');
      const headers = { authorization: 'Bearer nobody', 'content-type': 'application/json' };
      const refused = await fetch(proxy.url + IMAGES, { method: 'POST', headers, body });
      expect([refused.status, refused.headers.get('content-type')]).toEqual([401, 'application/json; charset=utf-8']);
      await refused.arrayBuffer();
    });
  });
});
