import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodePixels } from '../../src/image/rendition.ts';

export interface Captured {
  /** As on the wire. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface CapturingUpstream {
  readonly url: string;
  /** What came, newest last. */
  readonly captured: Captured[];
  close(): void;
}

/** An upstream that refuses nothing: it keeps what comes, byte for byte, and answers with one small picture. */
export async function startCapturingUpstream(): Promise<CapturingUpstream> {
  const raw = {
    data: Buffer.from([10, 20, 30]),
    width: 1,
    height: 1,
    channels: 3,
    scaleTo: { width: 512, height: 512 },
  } as const;
  const data = (await encodePixels(raw, 'png')).toString('base64');
  const reply = JSON.stringify({
    candidates: [{ content: { parts: [{ inlineData: { mimeType: 'image/png', data } }] }, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 747, totalTokenCount: 748 },
  });
  const captured: Captured[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      captured.push({ target: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) });
      response.writeHead(200, { 'content-type': 'application/json' }).end(reply);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    captured,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
