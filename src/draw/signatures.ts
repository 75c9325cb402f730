import { GatewayError } from '../errors.ts';

/** Of a signature itself, or of the megabytes that signatures are. */
const REFUSED: ReadonlySet<string> = new Set(['thought_signature_refused', 'request_too_large']);

/** Whether the same may be asked for without the signatures that were put back: nothing was drawn, and nothing is paid. */
export function isRefusedSignature(error: unknown): error is GatewayError {
  return error instanceof GatewayError && REFUSED.has(error.detail.code ?? '') && (error.detail.costNanos ?? 0) === 0;
}
