import { isRefusal } from '../../errors.ts';
import type { GatewayError } from '../../errors.ts';
import { isObject } from '../../wire/json.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call } from '../dialect.ts';
import { renderError as renderFailure } from '../openai-errors.ts';
import { renderRefused } from './answer.ts';
import { refusedItems } from './items.ts';

/** What the model or its filters refuse is an answer; every other failure has the envelope of all of OpenAI's paths. */
export function renderError(error: GatewayError, call: Call): { readonly status: number; readonly body: JsonObject } {
  if (!isRefusal(error)) return renderFailure(error);
  const { message, detail } = error;
  const items = refusedItems(message, call, { begun: false });
  return { status: 200, body: renderRefused(items, call, call.echo ?? {}, call.model ?? '', detail.costNanos ?? 0) };
}

/** The error of the envelope, as an event of a stream has it: OpenAI's servers send it within, its documentation beside. */
export function renderStreamed(error: GatewayError): JsonObject {
  const { error: envelope } = renderFailure(error).body;
  const { code = null, message = '', param = null } = isObject(envelope) ? envelope : {};
  return { code, message, param, error: envelope ?? null };
}

/** The error of a response, whose codes are few: https://platform.openai.com/docs/api-reference/responses/object#responses-object-error */
export function renderResponseError(error: GatewayError): JsonObject {
  const { message } = error;
  if (error.status === 429) return { code: 'rate_limit_exceeded', message };
  return { code: error.status >= 500 ? 'server_error' : 'invalid_prompt', message };
}
