import { Readable } from 'node:stream';
import { AwsV4Signer } from 'aws4fetch';
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { digestOf } from './digest.ts';
import type { SharedBytes } from './redis-bytes.ts';
import type { BlobRef } from './store.ts';

export interface S3Address {
  /** Where the bucket is, without a slash at its end: `http://host:9000/bucket`, `https://bucket.s3.eu-west-1.amazonaws.com`. */
  readonly url: string;
  /** Before the name of every object; '' or with a slash at its end. */
  readonly prefix: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
}

/** What an object store answered that is of no use; the code is its own, such as `NoSuchBucket`. Holds no secret. */
export class S3Failure extends Error {
  override readonly name = 'S3Failure';
  readonly code: string;

  constructor(status: number, code: string) {
    super(`the object store answered ${status}${code === '' ? '' : ` ${code}`}`);
    this.code = code;
  }
}

type Reply = Dispatcher.ResponseData;

interface Asked {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly Uint8Array[];
}

const CONNECTIONS = 16;
/** Of an error's XML. */
const MOST_WORDS_BYTES = 1 << 16;
/** SHA-256 of nothing. */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * Bytes in a store that speaks S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html):
 * an object for each blob, named by its SHA-256, which is also signed, so that the store checks what arrives.
 */
export class BytesInS3 implements SharedBytes {
  readonly place = 's3';
  readonly #address: S3Address;
  readonly #agent = new Agent({ connections: CONNECTIONS, pipelining: 1, allowH2: false });

  constructor(address: S3Address) {
    this.#address = address;
  }

  async read(ref: BlobRef, deadlineMs: number): Promise<Buffer | null> {
    const endsAt = performance.now() + deadlineMs;
    const reply = await this.#ask(ref.digest, { method: 'GET' }, deadlineMs);
    if (reply.statusCode !== 200) {
      const failure = await failureOf(reply);
      if (failure.code === 'NoSuchKey') return null;
      throw failure;
    }
    const bytes = await wholeOf(reply, ref.byteLength);
    if (bytes !== null && (await digestOf([bytes])) === ref.digest) return bytes;
    // Whoever draws it again has to write it, and must not find something in its place.
    await this.remove(ref.digest, Math.max(1, endsAt - performance.now()));
    return null;
  }

  async write({ digest, byteLength }: BlobRef, pieces: readonly Uint8Array[], deadlineMs: number): Promise<void> {
    const headers = { 'content-length': String(byteLength), 'x-amz-content-sha256': digest };
    const asked: Asked = { method: 'PUT', headers, body: pieces };
    let reply = await this.#ask(digest, { ...asked, headers: { ...headers, 'if-none-match': '*' } }, deadlineMs);
    // Not every store knows the condition, and two may be writing: without it equal bytes are written over equal ones.
    if (reply.statusCode === 501 || reply.statusCode === 409) {
      await reply.body.dump();
      reply = await this.#ask(digest, asked, deadlineMs);
    }
    if (reply.statusCode !== 200 && reply.statusCode !== 412) throw await failureOf(reply);
    await reply.body.dump();
  }

  async remove(digest: string, deadlineMs: number): Promise<void> {
    const reply = await this.#ask(digest, { method: 'DELETE' }, deadlineMs);
    if (reply.statusCode === 204 || reply.statusCode === 200) return reply.body.dump();
    const failure = await failureOf(reply);
    if (failure.code !== 'NoSuchKey') throw failure;
  }

  /** Whether objects can be had from it: resolves, or rejects with why not. */
  async probe(deadlineMs: number): Promise<void> {
    await this.read({ digest: EMPTY, byteLength: 0 }, deadlineMs);
  }

  close(): void {
    // What is still being asked for has its deadline.
    void this.#agent.close();
  }

  async #ask(digest: string, asked: Asked, deadlineMs: number): Promise<Reply> {
    const { url, prefix, region, accessKeyId, secretAccessKey, sessionToken } = this.#address;
    const signer = new AwsV4Signer({
      method: asked.method,
      url: `${url}/${prefix}${digest.slice(0, 2)}/${digest}`,
      headers: { 'x-amz-content-sha256': EMPTY, ...asked.headers },
      service: 's3',
      region,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== null && { sessionToken }),
    });
    const { headers, url: signed } = await signer.sign();
    return this.#agent.request({
      origin: signed.origin,
      path: signed.pathname,
      method: asked.method,
      headers: Object.fromEntries(headers),
      body: asked.body === undefined ? null : Readable.from(asked.body),
      signal: AbortSignal.timeout(Math.ceil(deadlineMs)),
    });
  }
}

/** Null where it is not of that length. */
async function wholeOf({ body }: Dispatcher.ResponseData, byteLength: number): Promise<Buffer | null> {
  const bytes = Buffer.allocUnsafeSlow(byteLength);
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    // Leaving the loop ends the connection: nobody reads what is too long to the end.
    if (length + chunk.length > byteLength) return null;
    chunk.copy(bytes, length);
    length += chunk.length;
  }
  return length === byteLength ? bytes : null;
}

async function failureOf({ statusCode, body }: Reply): Promise<S3Failure> {
  let words = '';
  for await (const chunk of body as AsyncIterable<Buffer>) {
    words += chunk.toString('latin1');
    if (words.length > MOST_WORDS_BYTES) break;
  }
  return new S3Failure(statusCode, /<Code>([A-Za-z0-9.]{1,64})<\/Code>/.exec(words)?.[1] ?? '');
}
