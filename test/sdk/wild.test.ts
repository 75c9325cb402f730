import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY, startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import type { Sent } from './wild/client.ts';
import { LANGCHAIN, LITELLM, LOBE_CHAT, VERCEL_AI } from './wild/libraries.ts';
import { OPEN_WEBUI } from './wild/open-webui.ts';
import { N8N_NODES } from './wild/workflows.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

/** The reply as far as any of them reads it. */
interface Reply {
  readonly object?: string;
  readonly models?: readonly unknown[];
  readonly data?: readonly { readonly b64_json?: string; readonly url?: string }[];
  readonly candidates?: readonly {
    readonly content: { readonly parts: readonly { readonly inlineData?: { readonly data: string } }[] };
  }[];
  readonly choices?: readonly {
    readonly message: { readonly images?: readonly { readonly image_url: { readonly url: string } }[] };
  }[];
  readonly output?: readonly { readonly type: string; readonly result?: string }[];
  readonly error?: { readonly message: string; readonly code: unknown } | null;
}

function picturesIn({ data = [], candidates = [], choices = [], output = [] }: Reply): readonly string[] {
  return [
    ...data.flatMap(({ b64_json, url }) => b64_json ?? url ?? []),
    ...candidates.flatMap(({ content }) => content.parts).flatMap(({ inlineData }) => inlineData?.data ?? []),
    ...choices.flatMap(({ message }) => message.images ?? []).map(({ image_url }) => image_url.url),
    ...output.flatMap(({ type, result }) => (type === 'image_generation_call' ? (result ?? []) : [])),
  ];
}

describe.each([
  { client: 'Open WebUI', sent: OPEN_WEBUI },
  { client: 'n8n', sent: N8N_NODES },
  { client: 'LangChain', sent: LANGCHAIN },
  { client: 'LiteLLM as a client', sent: LITELLM },
  { client: 'LobeChat', sent: LOBE_CHAT },
  { client: 'AI SDK', sent: VERCEL_AI },
])('what $client sends', ({ sent }) => {
  test.each(sent)('is answered: $name', async ({ line, headers, body, expected }: Sent) => {
    const [method = '', target = ''] = line.split(' ');
    const reply = await fetch(`${gateway.url}${target}`, {
      method,
      headers,
      ...(body !== undefined && { body: Buffer.from(body, 'latin1') }),
    });
    const told = (await reply.json()) as Reply;
    if ('refused' in expected) {
      expect([reply.status, told.error?.message]).toEqual([400, expect.stringMatching(expected.refused)]);
      return;
    }
    expect(told.error ?? null).toBeNull();
    expect(reply.status).toBe(200);
    if ('models' in expected) {
      expect(expected.models === 'openai' ? told.data : told.models).toHaveLength(3);
      return;
    }
    const pictures = picturesIn(told);
    expect(pictures).toHaveLength(expected.pictures);
    for (const picture of pictures) expect(picture.startsWith('http')).toBe(expected.as === 'link');
  });
});

test('nothing that only one server knows of is in the way: a wrong key is still a wrong key', async () => {
  for (const { headers } of [...OPEN_WEBUI, ...LOBE_CHAT].filter(({ line }) => line === 'GET /v1/models')) {
    const wrong = { ...headers, authorization: `Bearer ${KEY}x` };
    expect((await fetch(`${gateway.url}/v1/models`, { headers: wrong })).status).toBe(401);
  }
});
