import { isRefusal } from '../../errors.ts';
import type { GatewayError } from '../../errors.ts';
import { nanosToUsd } from '../../image/price.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { Call } from '../dialect.ts';
import { renderError as renderFailure } from '../openai-errors.ts';
import { seconds } from '../stamps.ts';
import { completionId } from './answer.ts';

/** What the model or its filters refuse is an answer; every other failure has the envelope of all of OpenAI's paths. */
export function renderError(error: GatewayError, call: Call): { readonly status: number; readonly body: JsonObject } {
  return isRefusal(error) ? { status: 200, body: renderRefusal(error, call) } : renderFailure(error);
}

/** https://platform.openai.com/docs/guides/structured-outputs#refusals ; clients that know of no refusals show the text. */
function renderRefusal(error: GatewayError, call: Call): JsonObject {
  const { message } = error;
  return {
    id: completionId(call),
    object: 'chat.completion',
    created: seconds(call.receivedAt),
    model: call.model ?? '',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: message, refusal: message },
        logprobs: null,
        finish_reason: 'content_filter',
      },
    ],
    usage: renderNoUsage(error),
  };
}

/** What is blocked is not billed by tokens. */
export function renderNoUsage({ detail }: GatewayError): JsonObject {
  return { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cost: nanosToUsd(detail.costNanos ?? 0) };
}
