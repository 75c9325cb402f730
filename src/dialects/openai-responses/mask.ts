import { textPart } from '../../image/conversation.ts';
import { invalidValue, missingField, readObject, unsupportedField } from '../../image/fields.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { referencePart } from '../../image/reference.ts';
import type { ImageRequest, PicturePart } from '../../image/request.ts';
import type { Json } from '../../wire/json.ts';
import { readPicture, refuseFile } from '../openai-content.ts';
import { laidInto, MASKED } from '../openai-masks.ts';

/**
 * `input_image_mask`: an edit like that of the Images API, the picture being the first of the last message. Others before
 * that message are a 400: the model is told of the first picture and the last, and must not take another for one of them.
 */
export function withMask(request: ImageRequest, tool: Fields): ImageRequest {
  const given = take(tool, 'input_image_mask', readMask);
  if (given === null) return request;
  const { turns, places } = request;
  const last = turns.at(-1)!;
  const at = last.parts.findIndex(({ kind }) => kind === 'picture');
  const first = last.parts[at];
  const hasEarlier = turns.slice(0, -1).some(({ parts }) => parts.some(({ kind }) => kind === 'picture'));
  if (last.role !== 'user' || first?.kind !== 'picture' || hasEarlier)
    throw unsupportedField(
      given.path,
      'a mask is for a picture in the last message of the user, with none before it: send the two without the conversation.',
      'unsupported_value',
    );
  const { value: mask } = given;
  const picture = { ...first, named: places?.get(`contents[${turns.length - 1}].parts[${at}]`) ?? 'input' };
  const masked = { ...last, parts: [...last.parts.with(at, picture), mask, textPart(MASKED)] };
  const laid = laidInto({ picture, mask }, request.shape, request.delivery);
  return { ...request, ...laid, turns: [...turns.slice(0, -1), masked] };
}

function readMask(value: Json, path: string): PicturePart {
  const given = readObject(value, path);
  const { image_url: url = null } = given;
  refuseFile(given, path, url === null ? undefined : 'image_url');
  if (url === null) throw missingField(`${path}.image_url`, 'a data URL of a PNG with transparent pixels');
  const at = `${path}.image_url`;
  const mask = referencePart(readPicture(url, at).data, at);
  if (mask.mimeType !== 'image/png') throw invalidValue(at, 'a PNG with transparent pixels');
  return mask;
}
