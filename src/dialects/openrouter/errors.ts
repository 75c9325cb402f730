import type { Failure, GatewayError } from '../../errors.ts';
import type { JsonObject } from '../../wire/json.ts';

// https://openrouter.ai/docs/api/reference/errors-and-debugging

/** Where OpenRouter has another status: its SDK has a class of its own for each. */
const STATUS: Partial<Readonly<Record<Failure, number>>> = {
  blocked_prompt: 403,
  blocked_output: 403,
  budget_exhausted: 402,
  upstream_busy: 529,
  upstream_quota: 529,
  upstream_timeout: 524,
};

/** `code` is the status. What is narrower stands in `metadata`. */
export function renderError(error: GatewayError): { status: number; body: JsonObject } {
  const { failure, message, detail } = error;
  const status = detail.status ?? STATUS[failure] ?? error.status;
  const metadata = { reason: detail.code ?? failure, ...(detail.param !== undefined && { param: detail.param }) };
  return { status, body: { error: { code: status, message, metadata } } };
}
