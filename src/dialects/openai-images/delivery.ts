import { invalidValue, readInteger, readOneOf, readString } from '../../image/fields.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import type { Delivery, PictureFormat } from '../../image/request.ts';

const FORMATS = ['png', 'jpeg', 'webp'] as const satisfies readonly PictureFormat[];

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

/** 100 is what OpenAI takes for granted, so it asks for nothing. Less, without a format, asks for a jpeg. */
function readFormat(own: Fields): Pick<Delivery, 'format' | 'compression'> {
  const format = take(own, 'output_format', (value, path) => readOneOf(value, path, FORMATS))?.value ?? null;
  const compression = take(own, 'output_compression', (value, path) => readInteger(value, path, { min: 0, max: 100 }));
  if (compression === null || compression.value === 100) {
    return { format, compression: format === 'png' ? null : format && (compression?.value ?? null) };
  }
  if (format === 'png')
    throw invalidValue(compression.path, '100 or absent for png, which loses nothing; choose jpeg or webp');
  return { format: format ?? 'jpeg', compression: compression.value };
}
