import { conflictingFields, missingField, readObject, readString, unsupportedField } from '../../image/fields.ts';
import { gather, take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import type { ImageRequest } from '../../image/request.ts';
import type { EstimatedTokens } from '../../image/tokens.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import type { Call } from '../dialect.ts';
import { parseRequest } from './request.ts';

// https://ai.google.dev/api/tokens#method:-models.counttokens

const COUNT = { model: 'value', contents: 'value', generateContentRequest: 'value' } as const;

/** Either `contents` alone or a whole `generateContentRequest`, and never both. */
export function parseCount(body: JsonObject, call: Call): ImageRequest {
  const fields: Fields = new Map();
  gather(fields, readObject(body, ''), COUNT, '');
  const asItIs = (value: Json, path: string) => ({ value, path });
  const model = take(fields, 'model', readString);
  const contents = take(fields, 'contents', asItIs);
  const whole = take(fields, 'generateContentRequest', readObject);
  if (contents !== null && whole !== null) throw conflictingFields(contents.path, whole.path);
  const [other] = fields.keys();
  if (other !== undefined) throw unsupportedField(other, 'it counts within a generateContentRequest: put it in there.');
  if (contents === null && whole === null)
    throw missingField('contents', 'a list of contents, or a generateContentRequest in its place');
  if (whole === null)
    return parseRequest({ ...(model !== null && { model: model.value }), contents: contents!.value.value }, call);
  if (model !== null) checkName(model.value, call);
  return parseRequest(whole.value, call, whole.path);
}

function checkName(model: string, { pathModel }: Call): void {
  if (pathModel !== null && model.replace(/^models\//, '') !== pathModel.replace(/^models\//, ''))
    throw conflictingFields("the path's model", 'model');
}

export function renderCount({ text, image, total }: EstimatedTokens): JsonObject {
  const details = [
    { modality: 'TEXT', tokenCount: text },
    { modality: 'IMAGE', tokenCount: image },
  ];
  return { totalTokens: total, promptTokensDetails: details.filter(({ tokenCount }) => tokenCount > 0) };
}
