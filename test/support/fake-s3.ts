import { createHash, createHmac, hash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { S3Address } from '../../src/cache/s3-bytes.ts';

const SECRET = 'fake/secret+key';
const KEY_ID = 'AKIAFAKE';

export interface FakeS3 {
  /** As a store of the cache is told where it is. */
  readonly address: S3Address;
  /** Path to bytes. */
  readonly objects: Map<string, Buffer>;
  /** `PUT /bucket/…` and so on, as they came. */
  readonly asked: string[];
  /** From now on; null: it does as it should. `hang`: it never answers. */
  fault: null | 'hang' | { readonly status: number; readonly code: string };
  close(): Promise<void>;
}

/**
 * An object store of one bucket in memory that believes no signature it has not worked out itself, and no bytes whose digest
 * is not the signed one: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export async function startFakeS3(): Promise<FakeS3> {
  const objects = new Map<string, Buffer>();
  const asked: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: path = '' } = request;
    const body = Buffer.concat(await request.toArray());
    asked.push(`${method} ${path}`);
    const refuse = (status: number, code: string): void =>
      void response.writeHead(status).end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
    if (fake.fault === 'hang') return;
    if (fake.fault !== null) return refuse(fake.fault.status, fake.fault.code);
    const problem = problemOf(request, body);
    if (problem !== null) return refuse(403, problem);
    if (!path.startsWith('/pictures/')) return refuse(404, 'NoSuchBucket');
    const present = objects.get(path);
    if (method === 'PUT') {
      if (present !== undefined && request.headers['if-none-match'] === '*') return refuse(412, 'PreconditionFailed');
      objects.set(path, body);
      return void response.writeHead(200).end();
    }
    if (method === 'DELETE') {
      objects.delete(path);
      return void response.writeHead(204).end();
    }
    if (present === undefined) return refuse(404, 'NoSuchKey');
    response.writeHead(200, { 'content-length': present.length }).end(present);
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fake: FakeS3 = {
    address: {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/pictures`,
      prefix: 'cache/',
      region: 'eu-west-1',
      accessKeyId: KEY_ID,
      secretAccessKey: SECRET,
      sessionToken: null,
    },
    objects,
    asked,
    fault: null,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return fake;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

function problemOf({ method, url, headers }: IncomingMessage, body: Buffer): string | null {
  const found =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)$/.exec(
      headers.authorization ?? '',
    );
  if (found === null) return 'MissingSecurityHeader';
  const [, id, day = '', region = '', names = '', signature] = found;
  if (id !== KEY_ID) return 'InvalidAccessKeyId';
  const digest = String(headers['x-amz-content-sha256']);
  if (!names.split(';').includes('host') || !names.split(';').includes('x-amz-content-sha256')) return 'AccessDenied';
  const lines = names.split(';').map((name) => `${name}:${String(headers[name])}\n`);
  const canonical = [method, url, '', lines.join(''), names, digest].join('\n');
  const time = String(headers['x-amz-date']);
  const words = ['AWS4-HMAC-SHA256', time, `${day}/${region}/s3/aws4_request`, hash('sha256', canonical)].join('\n');
  const key = hmac(hmac(hmac(hmac(`AWS4${SECRET}`, day), region), 's3'), 'aws4_request');
  if (hmac(key, words).toString('hex') !== signature) return 'SignatureDoesNotMatch';
  return createHash('sha256').update(body).digest('hex') === digest ? null : 'XAmzContentSHA256Mismatch';
}
