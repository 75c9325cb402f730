import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.ts';
import { isObject, JsonError, Lifter } from '../wire/json.ts';
import type { JsonObject } from '../wire/json.ts';
import { acquireOrRefuse } from './byte-budget.ts';
import type { ByteBudget } from './byte-budget.ts';

export interface ReadBody {
  readonly value: JsonObject;
  readonly byteLength: number;
  /** Gives the body's bytes back to the budget. */
  readonly release: () => void;
}

/**
 * Receives a JSON body and lifts it as it comes. Throws GatewayError: 415 for another type, 413 for a larger body, 400
 * with the place of the mistake for anything that is no JSON object.
 */
export async function readJsonBody(raw: IncomingMessage, limitBytes: number, budget: ByteBudget): Promise<ReadBody> {
  checkType(raw);
  const declared = raw.headers['content-length'] === undefined ? null : Number(raw.headers['content-length']);
  if (declared !== null && declared > limitBytes) throw tooLarge(limitBytes);
  const release = await acquireOrRefuse(budget, declared ?? limitBytes);
  try {
    const lifter = new Lifter({ bytes: limitBytes });
    // Leaving the loop early must not destroy the socket: the error still has to be sent over it.
    for await (const chunk of raw.iterator({ destroyOnReturn: false })) lifter.push(chunk as Uint8Array);
    const value = lifter.end();
    if (!isObject(value))
      throw new GatewayError('invalid_request', 'The body must be a JSON object.', { code: 'invalid_json' });
    return { value, byteLength: lifter.byteLength, release };
  } catch (error) {
    release();
    if (error instanceof JsonError) throw error.reason === 'too_large' ? tooLarge(limitBytes, error) : notJson(error);
    if (raw.errored !== null || raw.readableAborted)
      throw new GatewayError('invalid_request', 'The caller hung up.', { code: 'client_closed', status: 499 });
    throw error;
  }
}

function checkType(raw: IncomingMessage): void {
  const refuse = (message: string): never => {
    throw new GatewayError('invalid_request', message, { status: 415, code: 'unsupported_media_type' });
  };
  const encoding = raw.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    refuse('Compressed bodies are not read: send the JSON as it is, without Content-Encoding.');
  const type = raw.headers['content-type'];
  if (type === undefined) return;
  const [essence = '', ...parameters] = type.split(';').map((piece) => piece.trim().toLowerCase());
  if (essence !== 'application/json')
    refuse(`This path takes JSON: send the header "Content-Type: application/json" (curl -d alone sends a form).`);
  for (const parameter of parameters) {
    const charset = /^charset="?([a-z0-9-]*)"?$/.exec(parameter)?.[1];
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8')
      refuse('JSON is UTF-8: send no other charset.');
    if (
      charset === undefined &&
      !/^[a-z0-9!#$%&'*+.^_`|~-]+=("[^"]*"|[a-z0-9!#$%&'*+.^_`|~-]*)$/.test(parameter) &&
      parameter !== ''
    )
      refuse('The Content-Type header is malformed: send "application/json".');
  }
}

function tooLarge(limitBytes: number, cause?: JsonError): GatewayError {
  if (cause !== undefined && !cause.message.includes(String(limitBytes)))
    return new GatewayError('too_large', `The body is too large: ${cause.message}`, { code: 'body_too_large' });
  const size = `${Math.floor(limitBytes / 1024 / 1024)} MiB (${limitBytes} bytes)`;
  return new GatewayError('too_large', `The body is too large: at most ${size} are read.`, { code: 'body_too_large' });
}

function notJson(error: JsonError): GatewayError {
  return new GatewayError('invalid_request', `The body cannot be read: ${error.message}`, { code: 'invalid_json' });
}
