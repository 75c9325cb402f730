import { invalidValue, readInteger, readOneOf, unsupportedField } from '../fields.ts';
import type { Delivery, PictureFormat } from '../request.ts';
import { take } from './spelling.ts';
import type { Fields } from './spelling.ts';

// OpenAI's words for what kind of file a picture is to be: https://platform.openai.com/docs/api-reference/images/create

const FORMATS = ['png', 'jpeg', 'webp'] as const satisfies readonly PictureFormat[];

/** 100 is what OpenAI takes for granted, so it asks for nothing. Less, without a format, asks for a jpeg. */
export function readFormat(own: Fields): Pick<Delivery, 'format' | 'compression'> {
  const format = take(own, 'output_format', (value, path) => readOneOf(value, path, FORMATS))?.value ?? null;
  const compression = take(own, 'output_compression', (value, path) => readInteger(value, path, { min: 0, max: 100 }));
  if (compression === null || compression.value === 100) {
    return { format, compression: format === 'png' ? null : format && (compression?.value ?? null) };
  }
  if (format === 'png')
    throw invalidValue(compression.path, '100 or absent for png, which loses nothing; choose jpeg or webp');
  return { format: format ?? 'jpeg', compression: compression.value };
}

/** `background`: what is not transparent is what is drawn anyway. */
export function refuseTransparency(own: Fields): void {
  const background = take(own, 'background', (value, path) =>
    readOneOf(value, path, ['transparent', 'opaque', 'auto']),
  );
  if (background?.value === 'transparent') {
    throw unsupportedField(
      background.path,
      'Gemini draws no transparent background; send opaque or auto.',
      'unsupported_value',
    );
  }
}
