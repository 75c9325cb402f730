import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonObject } from '../wire/json.ts';
import type { BillBook, Pricing } from './bill.ts';
import { invalidArgument, VendorError } from './errors.ts';
import { EVENT_STREAM_HEADERS, JSON_HEADERS, sendChunked, writeSliced } from './exchange.ts';
import type { Payload } from './exchange.ts';
import { faultInPrompt, parseFault, UnknownFault } from './faults.ts';
import type { ChosenFault } from './faults.ts';
import type { FaultSpec } from './faults/fault.ts';
import { countSearches } from './grounding.ts';
import type { OpenCall } from './journal.ts';
import { compose, outputPictures } from './reply.ts';
import type { Reply, Studio } from './reply.ts';
import type { Asked } from './request.ts';
import type { Rules } from './rules.ts';
import { errorPayload, framePiece } from './payload.ts';
import type { Framing } from './payload.ts';
import { renderReply, splitReply, writeJson } from './words.ts';

/** What a call needs besides itself. */
export interface House {
  readonly studio: Studio;
  readonly rules: Rules;
  readonly bill: BillBook;
  readonly settings: { readonly latencyMs: number; readonly pricing: Pricing };
  /** Resolves after so many milliseconds; rejects when the simulator closes. */
  sleep(ms: number): Promise<void>;
  /** Resolves after so many milliseconds, or when the client leaves, or when the simulator closes. */
  hold(ms: number, left: AbortSignal): Promise<void>;
}

export interface GenerateCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly framing: Framing;
  readonly record: OpenCall;
  readonly receivedAt: number;
}

/** Draws, bills and answers one valid request, or misbehaves as it was told to. */
export async function generate(call: GenerateCall, asked: Asked, house: House): Promise<void> {
  const fault = chooseFault(call, asked, house.rules);
  const spec: Partial<FaultSpec> = fault?.spec ?? {};
  const waitMs = house.settings.latencyMs + (spec.send ? 0 : (fault?.delayMs ?? spec.delayMs ?? 0));
  const until = (share: number): Promise<void> => house.sleep(call.receivedAt + waitMs * share - Date.now());
  const instead = spec.instead ?? (call.framing === 'whole' ? undefined : spec.insteadOfStream);
  if (instead) {
    const answer = await instead(asked);
    const payload = answer instanceof VendorError ? errorPayload(answer, call.framing) : answer;
    await until(1);
    record(call, fault, payload.status, null, 0);
    return send(call, payload, fault, house);
  }
  const drawn = spec.ask?.(asked) ?? asked;
  const composed = await compose(drawn, house.studio, randomUUID());
  const reply = (await spec.reply?.(composed, drawn, house.studio)) ?? composed;
  const frames = writeFrames(renderReply(reply, asked.name), call.framing, spec);
  const headers = call.framing === 'events' ? EVENT_STREAM_HEADERS : JSON_HEADERS;
  const thoughts = reply.parts.filter((part) => part.thought).length;
  if (call.framing === 'whole' || spec.send || thoughts === 0) {
    await until(1);
    charge(call, asked, reply, fault, house);
    const timing = { 'server-timing': `gfet4t7; dur=${Date.now() - call.receivedAt}` };
    return send(call, { status: 200, headers: { ...headers, ...timing }, chunks: frames.flat() }, fault, house);
  }
  // A stream shows its thoughts and drafts half way.
  await until(0.5);
  call.response.writeHead(200, headers);
  writeSliced(call.response, frames.slice(0, thoughts).flat());
  await until(1);
  charge(call, asked, reply, fault, house);
  if (spec.breaksOff) return void call.request.socket.resetAndDestroy();
  writeSliced(call.response, frames.slice(thoughts).flat());
  call.response.end();
}

/** The reply as it goes over the wire, a frame for each piece of it. */
function writeFrames(rendered: JsonObject, framing: Framing, spec: Partial<FaultSpec>): Uint8Array[][] {
  const words = spec.words?.(rendered) ?? rendered;
  const split = framing === 'whole' ? [words] : splitReply(words);
  const pieces = framing === 'whole' ? split : (spec.pieces?.(split) ?? split);
  const frames = pieces.map((piece, index) => {
    const json = writeJson(piece, framing === 'events' ? 0 : 2);
    const isLast = index === pieces.length - 1;
    return framePiece((isLast && spec.text?.(json)) || json, framing, index, pieces.length);
  });
  return framing === 'events' && spec.ending !== undefined ? [...frames, [Buffer.from(spec.ending)]] : frames;
}

function chooseFault({ request }: GenerateCall, asked: Asked, rules: Rules): ChosenFault | null {
  const header = request.headers['x-simulator-fault'];
  try {
    if (typeof header === 'string') return parseFault(header);
    return faultInPrompt(asked.prompt) ?? rules.take(asked);
  } catch (error) {
    if (error instanceof UnknownFault) throw invalidArgument(error.message);
    throw error;
  }
}

/** The vendor bills what it drew, whether or not anyone is still there to take it. */
function charge(call: GenerateCall, asked: Asked, reply: Reply, fault: ChosenFault | null, house: House): void {
  const { ratio, tier } = asked.shape;
  const { nanoUsd } = house.bill.charge({
    call: call.record.number,
    at: Date.now(),
    model: asked.model,
    seed: asked.seed,
    size: { ratio, tier },
    pictures: outputPictures(reply).length,
    tokens: reply.tokens,
    searches: countSearches(reply.grounding),
    reason: reply.finishReason ?? reply.blockReason ?? '',
    charged: reply.charged,
    pricing: house.settings.pricing,
  });
  record(call, fault, 200, reply, nanoUsd);
}

function record(
  call: GenerateCall,
  fault: ChosenFault | null,
  status: number,
  reply: Reply | null,
  nanoUsd: number,
): void {
  const pictures = reply ? outputPictures(reply) : [];
  call.record.answer({
    status,
    fault: fault?.name ?? null,
    reason: reply ? (reply.finishReason ?? reply.blockReason) : null,
    pictures: pictures.map(({ pixels, mimeType }) => ({ ...pixels, mimeType })),
    nanoUsd,
  });
}

async function send(call: GenerateCall, payload: Payload, fault: ChosenFault | null, house: House): Promise<void> {
  const { request, response } = call;
  if (request.socket.destroyed) return;
  if (!fault?.spec.send) return sendChunked(response, payload);
  const left = new AbortController();
  request.socket.once('close', () => left.abort());
  const hold = (ms: number): Promise<void> => house.hold(fault.delayMs ?? ms, left.signal);
  await fault.spec.send({ request, response, payload, hold });
}
