import { readOneOf, readString } from '../../image/fields.ts';
import { readFormat } from '../../image/native/format.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import type { Delivery } from '../../image/request.ts';

/** How the pictures are to be handed over, and what of it cannot be. */
export function readDelivery(own: Fields, warnings: string[]): Delivery {
  const form = take(own, 'response_format', (value, path) => readOneOf(value, path, ['b64_json', 'url']));
  if (take(own, 'style', readString) !== null) warnings.push('style is not honoured: say it in the prompt.');
  if (take(own, 'input_fidelity', readString) !== null) warnings.push('input_fidelity is not honoured.');
  const safetyIdentifier = take(own, 'safety_identifier', readString)?.value ?? '';
  return {
    ...readFormat(own),
    asLink: form?.value === 'url',
    stream: null,
    safetyIdentifier: safetyIdentifier === '' ? null : safetyIdentifier,
    warnings,
  };
}
