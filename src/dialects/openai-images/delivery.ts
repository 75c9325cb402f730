import { invalidValue, readInteger, readOneOf, readString, unsupportedField } from '../../image/fields.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import type { AskedShape, Delivery, PictureFormat } from '../../image/request.ts';

const FORMATS = ['png', 'jpeg', 'webp'] as const satisfies readonly PictureFormat[];

/** How the pictures are to be handed over, and what of it cannot be. */
export function readDelivery(own: Fields, shape: AskedShape, warnings: string[]): Delivery {
  const form = take(own, 'response_format', (value, path) => readOneOf(value, path, ['b64_json', 'url']));
  if (take(own, 'style', readString) !== null) warnings.push('style is not honoured: say it in the prompt.');
  if (take(own, 'input_fidelity', readString) !== null) warnings.push('input_fidelity is not honoured.');
  const safetyIdentifier = take(own, 'safety_identifier', readString)?.value ?? '';
  return {
    ...readFormat(own),
    exact: readFit(own, shape),
    masked: null,
    asLink: form?.value === 'url',
    stream: null,
    safetyIdentifier: safetyIdentifier === '' ? null : safetyIdentifier,
    warnings,
  };
}

/** More than any model draws; a picture of so many takes 100 MB to make. */
const MOST_EXACT_PIXELS = 25_000_000;

/** `fit: exact` is ours: the picture in the very pixels of `size`, cropped where the model has no such ratio. */
function readFit(own: Fields, { pixels }: AskedShape): Delivery['exact'] {
  const fit = take(own, 'fit', (value, path) => readOneOf(value, path, ['exact']));
  if (fit === null) return null;
  if (pixels === null)
    throw unsupportedField(
      fit.path,
      'exact needs the pixels: send them as size, such as 1200x630.',
      'unsupported_value',
    );
  if (pixels.width * pixels.height > MOST_EXACT_PIXELS)
    throw unsupportedField(fit.path, `exact makes at most ${MOST_EXACT_PIXELS} pixels.`, 'unsupported_value');
  return pixels;
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
