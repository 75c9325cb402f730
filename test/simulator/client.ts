import { connect } from 'node:net';
import { checkPicture } from '../../src/image/picture.ts';
import type { PictureInfo } from '../../src/image/picture.ts';
import type { Simulator } from '../../src/simulator/server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Reply;
}

/** The parts of a reply the tests look at. */
export interface Reply {
  readonly candidates?: readonly Candidate[];
  readonly promptFeedback?: { readonly blockReason: string };
  readonly usageMetadata?: Usage;
  readonly modelVersion?: string;
  readonly responseId?: string;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly status: string;
    readonly details?: readonly Record<string, unknown>[];
  };
}

export interface Candidate {
  readonly content?: { readonly parts?: readonly Part[]; readonly role?: string };
  readonly finishReason?: string;
  readonly finishMessage?: string;
  readonly groundingMetadata?: Record<string, unknown>;
}

export interface Part {
  readonly text?: string;
  readonly inlineData?: { readonly data: string; readonly mimeType: string };
  readonly thought?: boolean;
  readonly thoughtSignature?: string;
}

export interface Usage {
  readonly promptTokenCount: number;
  readonly candidatesTokenCount?: number;
  readonly thoughtsTokenCount?: number;
  readonly totalTokenCount: number;
  readonly promptTokensDetails: readonly { readonly modality: string; readonly tokenCount: number }[];
  readonly candidatesTokensDetails?: readonly { readonly modality: string; readonly tokenCount: number }[];
}

export interface Options {
  readonly model?: string;
  readonly verb?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export const FLASH = 'gemini-3.1-flash-image';
export const PRO = 'gemini-3-pro-image';

export async function post(simulator: Simulator, body: unknown, options: Options = {}): Promise<Answer> {
  const { model = FLASH, verb = 'generateContent', query = '', headers = { 'x-goog-api-key': 'k' } } = options;
  const response = await fetch(`${simulator.url}/v1beta/models/${model}:${verb}${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    redirect: 'manual',
  });
  const text = await response.text();
  const isJson = text.startsWith('{') || text.startsWith('[');
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : {} };
}

/** A request of one text, with a generationConfig. */
export function prompt(text: string, generationConfig: Record<string, unknown> = {}): Record<string, unknown> {
  return { contents: [{ role: 'user', parts: [{ text }] }], generationConfig };
}

export function partsOf(reply: Reply): readonly Part[] {
  return reply.candidates?.[0]?.content?.parts ?? [];
}

export function pictureBytes(reply: Reply): Buffer {
  const part = partsOf(reply).find((part) => part.inlineData && !part.thought);
  return Buffer.from(part?.inlineData?.data ?? '', 'base64');
}

export async function pictureOf(reply: Reply): Promise<PictureInfo> {
  return checkPicture(pictureBytes(reply));
}

/** What comes over the wire, byte by byte, and how it ended. */
export async function rawPost(
  simulator: Simulator,
  body: unknown,
  options: Options & { readonly leaveAfterMs?: number } = {},
): Promise<{ readonly text: string; readonly byteLength: number; readonly ending: 'end' | 'reset' | 'left' }> {
  const { model = FLASH, verb = 'generateContent', query = '', headers = {}, leaveAfterMs } = options;
  const json = JSON.stringify(body);
  const lines = [
    `POST /v1beta/models/${model}:${verb}${query} HTTP/1.1`,
    'host: 127.0.0.1',
    'x-goog-api-key: k',
    `content-length: ${Buffer.byteLength(json)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  const socket = connect(Number(new URL(simulator.url).port), '127.0.0.1');
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const end = (ending: 'end' | 'reset' | 'left'): void => {
      const received = Buffer.concat(chunks);
      socket.destroy();
      resolve({ text: received.toString('latin1'), byteLength: received.length, ending });
    };
    if (leaveAfterMs !== undefined) setTimeout(end, leaveAfterMs, 'left');
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => end('end'));
    socket.on('error', () => end('reset'));
    socket.write(`${lines.join('\r\n')}\r\n\r\n${json}`);
  });
}
