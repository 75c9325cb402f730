import { isDataUrl, readDataUrl } from '../../image/data-url.ts';
import {
  conflictingFields,
  invalidValue,
  missingField,
  readObject,
  readString,
  unsupportedField,
} from '../../image/fields.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { isRemoteUrl, remotePart } from '../../image/remote.ts';
import { referencePart } from '../../image/reference.ts';
import type { PicturePart } from '../../image/request.ts';
import type { Json } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';

/** What OpenAI takes; a model may take fewer. */
const MOST_PICTURES = 16;

/**
 * The pictures to draw from, in their order. OpenAI's own JSON has `images`, a list of `{image_url}`; clients also send
 * `image`, as forms do: a data URL, bare base64, or a list of them.
 */
export function readPictures(own: Fields, { most = MOST_PICTURES } = {}): readonly PicturePart[] {
  const image = take(own, 'image', readAll);
  const images = take(own, 'images', readAll);
  if (image !== null && images !== null) throw conflictingFields(image.path, images.path);
  const { value: pictures, path } = image ?? images ?? { value: [], path: 'image' };
  if (pictures.length === 0)
    throw missingField(
      path,
      'a picture to draw from, as a file in a form or as images: [{"image_url": "data:..."}] in JSON',
    );
  if (pictures.length <= most) return pictures;
  const allowed = most === 1 ? 'one picture' : `at most ${most} pictures`;
  throw unsupportedField(path, `this path takes ${allowed}, not ${pictures.length}. Send fewer.`, 'too_many_images');
}

/** The mask, a PNG in which the pixels to be edited are transparent; null: there is none. */
export function readMask(own: Fields): PicturePart | null {
  const mask = take(own, 'mask', readOne);
  if (mask !== null && mask.value.mimeType !== 'image/png')
    throw invalidValue(mask.path, 'a PNG with transparent pixels');
  return mask?.value ?? null;
}

function readAll(value: Json, path: string): readonly PicturePart[] {
  if (!Array.isArray(value)) return [readOne(value, path)];
  return value.map((item, index) => readOne(item, `${path}[${index}]`));
}

function readOne(value: Json, path: string): PicturePart {
  if (typeof value === 'string' || value instanceof LongString) return readText(value, path);
  const members = readObject(value, path);
  for (const name of Object.keys(members))
    if (name !== 'image_url' && name !== 'file_id')
      throw invalidValue(`${path}.${name}`, 'left out: a picture is {"image_url": "data:..."}');
  const { image_url: url = null, file_id: file = null } = members;
  if (url !== null && file !== null) throw conflictingFields(`${path}.image_url`, `${path}.file_id`);
  // Those that are files are read before this.
  if (file !== null) throw invalidValue(`${path}.file_id`, 'the id of a file, such as file-abc123');
  if (typeof url !== 'string' && !(url instanceof LongString))
    throw invalidValue(`${path}.image_url`, 'a data URL, such as data:image/png;base64,iVBORw0...');
  if (isBare(url)) throw invalidValue(`${path}.image_url`, 'a data URL, such as data:image/png;base64,iVBORw0...');
  return readText(url, `${path}.image_url`);
}

function readText(value: string | LongString, path: string): PicturePart {
  if (isRemoteUrl(value)) return remotePart(readString(value, path), path);
  const beginning = value instanceof LongString ? value.beginning(16) : value.slice(0, 16);
  if (/^\s*(?:gs|s3|file|ftp):/i.test(beginning))
    throw unsupportedField(
      path,
      'pictures are not fetched from such addresses. Send the picture itself, as a data URL.',
    );
  return referencePart(isDataUrl(value) ? readDataUrl(value, path).data : value, path);
}

/** Base64 without a data URL around it: has no colon where the scheme of a URL would have one. */
function isBare(value: string | LongString): boolean {
  const beginning = value instanceof LongString ? value.beginning(16) : value.slice(0, 16);
  return !beginning.includes(':');
}
