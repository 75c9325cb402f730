import { GatewayError } from '../errors.ts';
import type { PictureWish } from '../image/delivery.ts';
import type { PictureFormat } from '../image/request.ts';

const FORMATS = {
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'image/jpg': 'jpeg',
  'image/webp': 'webp',
} as const satisfies Record<string, PictureFormat>;

/**
 * Whether a caller wants bare picture bytes instead of JSON: only one that names `image/…` and does not prefer JSON
 * (RFC 9110 12.5.1). Throws where it names nothing but formats nobody here can make.
 */
export function pictureWish(accept: string | undefined): PictureWish | null {
  if (accept === undefined || !/image\//i.test(accept)) return null;
  const ranges = accept
    .split(',')
    .map((range) => {
      const [type = '', ...parameters] = range.split(';').map((piece) => piece.trim().toLowerCase());
      const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
      return { type, weight: Number.isFinite(weight) ? weight : 0 };
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((left, right) => right.weight - left.weight);
  const pictures = ranges.filter(({ type }) => type.startsWith('image/'));
  const json = ranges.find(({ type }) => type === 'application/json');
  if (pictures[0] === undefined || (json !== undefined && json.weight >= pictures[0].weight)) return null;
  for (const { type } of pictures) {
    if (type === 'image/*') return { format: null };
    if (isKnown(type)) return { format: FORMATS[type] };
  }
  const allowed = 'image/png, image/jpeg, image/webp, or image/* for the bytes as the vendor sent them';
  throw new GatewayError(
    'invalid_request',
    `The Accept header names no picture type that can be made here. Allowed: ${allowed}.`,
    {
      param: 'Accept',
      code: 'unsupported_value',
      status: 406,
    },
  );
}

function isKnown(type: string): type is keyof typeof FORMATS {
  return Object.hasOwn(FORMATS, type);
}
