import { readBoolean, readInteger } from '../../image/fields.ts';
import { readFormat } from '../../image/native/format.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { WHOLE } from '../../image/request.ts';
import type { Delivery } from '../../image/request.ts';
import { readSafetyIdentifier } from '../openai-caller.ts';

/** How the answer is to be handed over, and what of it cannot be. */
export function readDelivery(own: Fields, tool: Fields, warnings: string[]): Delivery {
  if (take(tool, 'input_fidelity', (value) => value) !== null) warnings.push('input_fidelity is not honoured.');
  return {
    ...WHOLE,
    ...readFormat(tool),
    stream: readStream(own, tool, warnings),
    safetyIdentifier: readSafetyIdentifier(own),
    warnings,
  };
}

/** The tool is set up once for calls of both kinds: without a stream its drafts are a warning, and no 400. */
function readStream(own: Fields, tool: Fields, warnings: string[]): Delivery['stream'] {
  const stream = take(own, 'stream', readBoolean);
  const drafts = take(tool, 'partial_images', (value, path) => readInteger(value, path, { min: 0, max: 3 }));
  if (stream?.value === true) return { drafts: drafts?.value ?? 0 };
  if (drafts !== null && drafts.value > 0)
    warnings.push(`${drafts.path} is not honoured without stream: true: drafts come in a stream.`);
  return null;
}
