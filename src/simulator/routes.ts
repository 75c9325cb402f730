import type { IncomingMessage, ServerResponse } from 'node:http';
import { authenticate } from './authenticate.ts';
import { control } from './control.ts';
import { unknownModel, VendorError } from './errors.ts';
import { sendChunked } from './exchange.ts';
import type { Payload } from './exchange.ts';
import { REDIRECT_TARGET } from './faults/refusals.ts';
import { generate } from './generate.ts';
import type { GenerateCall, House } from './generate.ts';
import type { Journal } from './journal.ts';
import { findModel, renderModel, renderModels } from './models.ts';
import type { ServedModel } from './models.ts';
import { errorPayload, htmlPayload, jsonPayload } from './payload.ts';
import type { Framing } from './payload.ts';
import { MAX_BODY_BYTES, readCountTokens, readGenerateContent } from './request.ts';
import type { InputTokens } from './request.ts';
import type { Settings } from './settings.ts';

export interface Open {
  readonly house: House;
  readonly journal: Journal;
  readonly settings: Settings;
  readonly keys: readonly string[] | undefined;
}

const ROUTE = /^\/(v1|v1beta|v1alpha)\/models(?:\/([^/:]+)(?::(\w+))?)?$/;
const VERBS = ['generateContent', 'streamGenerateContent', 'countTokens'];

/** Answers any HTTP request as the vendor's front end would, and the simulator's own paths. */
export async function answer(request: IncomingMessage, response: ServerResponse, open: Open): Promise<void> {
  const receivedAt = Date.now();
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://simulator');
  const path = pathname.replaceAll(/%3a/gi, ':');
  const { method = 'GET' } = request;
  if (path === REDIRECT_TARGET) {
    open.journal.open({ method, path, model: null, receivedAt }).answer({ status: 200, reason: 'followed a redirect' });
    return sendChunked(response, jsonPayload(200, { redirected: true }));
  }
  if (path.startsWith('/simulator/')) {
    return sendChunked(response, await control(request, path, { ...open.house, ...open }));
  }
  const [, version, name, verb] = ROUTE.exec(path) ?? [];
  const isCall = method === 'POST' && name !== undefined && VERBS.includes(verb ?? '');
  const isLookUp = method === 'GET' && verb === undefined;
  if (version === undefined || !(isCall || isLookUp)) return sendChunked(response, notFound(path));
  const framing = framingOf(verb, query);
  const record = isCall ? open.journal.open({ method, path, model: name, receivedAt }) : null;
  try {
    authenticate(request, query, open.keys);
    if (name === undefined) return sendChunked(response, jsonPayload(200, renderModels(query)));
    const model = findModel(name);
    if (!model) throw unknownModel(name, version, verb ?? 'generateContent');
    if (!record) return sendChunked(response, jsonPayload(200, renderModel(name, model)));
    const call = { request, response, framing, record, receivedAt };
    const payload = await perform(call, verb ?? '', name, model, open.house);
    if (payload) sendChunked(response, payload);
  } catch (error) {
    if (!(error instanceof VendorError)) throw error;
    record?.answer({ status: error.status, reason: error.rpcStatus });
    sendChunked(response, errorPayload(error, framing));
  }
}

/** Null when the answer was sent on the way. */
async function perform(
  call: GenerateCall,
  verb: string,
  name: string,
  model: ServedModel,
  house: House,
): Promise<Payload | null> {
  const body = await readBody(call.request);
  if (!body) {
    call.record.answer({ status: 413, reason: null });
    return htmlPayload(
      413,
      'Error 413 (Request Entity Too Large)!!1',
      'Your client issued a request that was too large.',
    );
  }
  if (verb === 'countTokens') {
    const tokens = await readCountTokens(body, model, house.studio.signatures);
    call.record.answer({ status: 200, reason: null });
    return jsonPayload(200, renderCount(tokens));
  }
  const asked = await readGenerateContent(body, name, model, house.studio.signatures);
  call.record.read(asked.prompt, asked.seed);
  await generate(call, asked, house);
  return null;
}

/** Null when it is more than the vendor takes. */
async function readBody(request: IncomingMessage): Promise<Buffer[] | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return length <= MAX_BODY_BYTES ? chunks : null;
}

/** https://ai.google.dev/api/tokens */
function renderCount({ text, image, document }: InputTokens): Record<string, unknown> {
  const details = Object.entries({ TEXT: text, IMAGE: image, DOCUMENT: document });
  return {
    totalTokens: text + image + document,
    promptTokensDetails: details.flatMap(([modality, tokenCount]) => (tokenCount ? [{ modality, tokenCount }] : [])),
  };
}

function framingOf(verb: string | undefined, query: URLSearchParams): Framing {
  if (verb !== 'streamGenerateContent') return 'whole';
  return (query.get('alt') ?? query.get('$alt')) === 'sse' ? 'events' : 'array';
}

function notFound(path: string): Payload {
  const shown = path.slice(0, 100).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return htmlPayload(
    404,
    'Error 404 (Not Found)!!1',
    `The requested URL <code>${shown}</code> was not found on this server.`,
  );
}

/** A mistake of the simulator itself: said loudly, so that no test takes it for the vendor's 500. */
export function fail(response: ServerResponse, error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`simulator: ${message}\n`);
  if (response.headersSent) response.destroy();
  else sendChunked(response, jsonPayload(500, { error: { message: `The simulator itself failed: ${message}` } }));
}
