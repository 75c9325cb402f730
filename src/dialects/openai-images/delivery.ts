import { readBoolean, readInteger, readOneOf, readString, unsupportedField } from '../../image/fields.ts';
import { readFormat } from '../../image/native/format.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import type { AskedShape, Delivery, LinkWish } from '../../image/request.ts';
import { readSafetyIdentifier } from '../openai-caller.ts';

/** How the pictures are to be handed over, and what of it cannot be; `linkByDefault` where `response_format` is left out. */
export function readDelivery(
  own: Fields,
  { shape, linkByDefault }: { readonly shape: AskedShape; readonly linkByDefault: boolean },
  warnings: string[],
): Delivery {
  if (take(own, 'style', readString) !== null) warnings.push('style is not honoured: say it in the prompt.');
  if (take(own, 'input_fidelity', readString) !== null) warnings.push('input_fidelity is not honoured.');
  const stream = readStream(own);
  const link = readLink(own, linkByDefault && stream === null);
  if (stream !== null && link === 'asked')
    throw unsupportedField(
      'response_format',
      'a stream sends the picture itself; send b64_json, or no stream.',
      'unsupported_value',
    );
  return {
    ...readFormat(own),
    exact: readFit(own, shape),
    masked: null,
    link,
    stream,
    safetyIdentifier: readSafetyIdentifier(own),
    warnings,
  };
}

function readLink(own: Fields, byDefault: boolean): LinkWish {
  const form = take(own, 'response_format', (value, path) => readOneOf(value, path, ['b64_json', 'url']));
  if (form === null) return byDefault ? 'by_default' : 'no';
  return form.value === 'url' ? 'asked' : 'no';
}

/** Drafts are told in a stream or not at all. */
function readStream(own: Fields): Delivery['stream'] {
  const stream = take(own, 'stream', readBoolean);
  const drafts = take(own, 'partial_images', (value, path) => readInteger(value, path, { min: 0, max: 3 }));
  if (stream?.value === true) return { drafts: drafts?.value ?? 0 };
  if (drafts !== null && drafts.value > 0)
    throw unsupportedField(drafts.path, 'drafts come in a stream; send stream: true with it.', 'unsupported_value');
  return null;
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
