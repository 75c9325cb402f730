import { textPart } from '../image/conversation.ts';
import type { PassOver, Placed } from '../image/conversation.ts';
import { isDataUrl, readDataUrl } from '../image/data-url.ts';
import {
  conflictingFields,
  invalidValue,
  missingField,
  readObject,
  readString,
  unsupportedField,
} from '../image/fields.ts';
import { readMarkdown } from '../image/markdown.ts';
import { isRemoteUrl, remotePart } from '../image/remote.ts';
import type { Part, PicturePart } from '../image/request.ts';
import { isObject } from '../wire/json.ts';
import type { Json, JsonObject } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';

// What a message says, in a chat (https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages) and in
// Responses (https://platform.openai.com/docs/api-reference/responses/create#responses-create-input): clients send the
// parts of one to the other.

const KINDS = {
  text: 'text',
  input_text: 'text',
  output_text: 'text',
  image_url: 'picture',
  input_image: 'picture',
  image: 'picture',
  refusal: 'refusal',
  file: 'file',
  input_file: 'file',
  // Of an answer that is sent back: what a model thought is no part of the conversation.
  thinking: 'thought',
  reasoning: 'thought',
  reasoning_text: 'thought',
  summary_text: 'thought',
} as const;

/** Of each kind, what is read, and what changes nothing of a picture. */
const FIELDS: Readonly<Record<(typeof KINDS)[keyof typeof KINDS], readonly string[] | null>> = {
  text: ['text', 'annotations', 'logprobs'],
  picture: ['image_url', 'url', 'b64_json', 'detail', 'file_id', 'index'],
  refusal: ['refusal'],
  file: ['file', 'file_data', 'file_url', 'file_id', 'filename'],
  thought: null,
};
/** Caches of input are about its price at others, and there is none of it here. */
const OF_ALL = ['type', 'cache_control', 'prompt_cache_breakpoint'];

const ALLOWED = 'text, image_url, file or refusal';

/** A string, or a list of parts. What is empty says nothing. */
export function parseContent(value: Json, path: string, passOver: PassOver): readonly Placed[] {
  if (value === null) return [];
  if (typeof value === 'string' || value instanceof LongString) return placed(readText(value, path), path);
  if (!Array.isArray(value)) throw invalidValue(path, 'a string, a list of content parts, or null');
  return value.flatMap((item, index) => {
    const at = `${path}[${index}]`;
    return placed(parsePart(item, at, passOver), at);
  });
}

/** The pictures of an answer that is sent back: as this path writes them, and flatter. */
export function parseImages(value: Json, path: string, passOver: PassOver): readonly Placed[] {
  if (value === null) return [];
  if (!Array.isArray(value))
    throw invalidValue(path, 'a list such as [{"type":"image_url","image_url":{"url":"data:…"}}]');
  return value.map((item, index) => {
    const at = `${path}[${index}]`;
    return { part: isObject(item) ? parsePicture(item, at, passOver) : readAddress(item, at), path: at };
  });
}

function placed(parts: readonly Part[], path: string): readonly Placed[] {
  return parts.map((part) => ({ part, path }));
}

function parsePart(value: Json, path: string, passOver: PassOver): readonly Part[] {
  if (typeof value === 'string' || value instanceof LongString) return readText(value, path);
  const part = readObject(value, path);
  const kind = kindOf(part, path);
  const fields = FIELDS[kind];
  if (fields !== null) passOverOthers(part, [...OF_ALL, ...fields], path, passOver);
  if (kind === 'text') return readText(readField(part, 'text', path), `${path}.text`);
  if (kind === 'refusal') return readText(readField(part, 'refusal', path), `${path}.refusal`);
  if (kind === 'file') return [parseFile(part, path)];
  return kind === 'picture' ? [parsePicture(part, path, passOver)] : [];
}

function passOverOthers(object: JsonObject, known: readonly string[], path: string, passOver: PassOver): void {
  for (const [name, field] of Object.entries(object)) {
    const isEmpty = field === null || (Array.isArray(field) && field.length === 0);
    if (!isEmpty && !known.includes(name)) passOver(`${path}.${name}`);
  }
}

function kindOf(part: JsonObject, path: string): (typeof KINDS)[keyof typeof KINDS] {
  const { type = null } = part;
  if (type === null) return part.image_url === undefined ? 'text' : 'picture';
  const word = readString(type, `${path}.type`);
  if (Object.hasOwn(KINDS, word)) return KINDS[word as keyof typeof KINDS];
  if (/audio|video/.test(word))
    throw unsupportedField(
      `${path}.type`,
      `the models here see and do not hear. Allowed: ${ALLOWED}.`,
      'unsupported_value',
    );
  throw invalidValue(`${path}.type`, ALLOWED);
}

function readField(part: JsonObject, name: string, path: string): LongString | string {
  const value = part[name] ?? null;
  if (value === null) throw missingField(`${path}.${name}`, 'a string');
  return value instanceof LongString ? value : readString(value, `${path}.${name}`);
}

function readText(value: LongString | string, path: string): readonly Part[] {
  return readMarkdown(value, path).map((piece) => (typeof piece === 'string' ? textPart(piece) : piece));
}

function parsePicture(part: JsonObject, path: string, passOver: PassOver): PicturePart {
  const { image_url: given = null, b64_json: bare = null, url = null } = part;
  const [first, second] = (['image_url', 'b64_json', 'url'] as const).filter((name) => (part[name] ?? null) !== null);
  if (second !== undefined) throw conflictingFields(`${path}.${first!}`, `${path}.${second}`);
  if (given === null && bare !== null) return readBase64(bare, `${path}.b64_json`);
  refuseFile(part, path, first);
  if (!isObject(given)) {
    if ((part.detail ?? 'auto') !== 'auto') passOver(`${path}.detail`);
    const name = given === null && url !== null ? 'url' : 'image_url';
    if (given === null && url === null)
      throw missingField(`${path}.image_url`, 'an object {"url":"data:image/png;base64,…"}');
    return readAddress(given ?? url, `${path}.${name}`);
  }
  passOverOthers(given, ['url', 'detail'], `${path}.image_url`, passOver);
  if ((given.detail ?? 'auto') !== 'auto') passOver(`${path}.image_url.detail`);
  if ((given.url ?? null) === null) throw missingField(`${path}.image_url.url`, 'a data URL');
  return readAddress(given.url!, `${path}.image_url.url`);
}

/** A document, such as a PDF. */
function parseFile(part: JsonObject, path: string): PicturePart {
  const inside = isObject(part.file) ? 'file' : null;
  const file = inside === null ? part : readObject(part.file!, `${path}.file`);
  const at = inside === null ? path : `${path}.file`;
  refuseFile(
    file,
    at,
    (['file_url', 'file_data'] as const).find((name) => (file[name] ?? null) !== null),
  );
  if ((file.file_url ?? null) !== null) return readPicture(file.file_url!, `${at}.file_url`);
  if ((file.file_data ?? null) === null) throw missingField(`${at}.file_data`, 'a data URL');
  return readPicture(file.file_data!, `${at}.file_data`);
}

/** An uploaded file that is named alone is in the place of its name before this is read. */
export function refuseFile(part: JsonObject, path: string, beside: string | undefined): void {
  if ((part.file_id ?? null) === null) return;
  if (beside !== undefined) throw conflictingFields(`${path}.${beside}`, `${path}.file_id`);
  throw invalidValue(`${path}.file_id`, 'the id of a file, such as file-abc123');
}

/** A picture as bare base64; a data URL is taken for what it is. */
export function readBase64(bare: Json, path: string): PicturePart {
  if (isDataUrl(bare)) return readPicture(bare, path);
  const header = 'data:;base64,';
  if (bare instanceof LongString) return readPicture(LongString.join([header, bare]), path);
  return readPicture(header + readString(bare, path), path);
}

/** A picture, or where it lies. */
function readAddress(value: Json, path: string): PicturePart {
  return isRemoteUrl(value) ? remotePart(readString(value, path), path) : readPicture(value, path);
}

/** Bytes inside the request, as a view on them. */
export function readPicture(value: Json, path: string): PicturePart {
  const isText = typeof value === 'string' || value instanceof LongString;
  if (
    isText &&
    !isDataUrl(value) &&
    /^\s*[a-z][a-z0-9+.-]*:/i.test(value instanceof LongString ? value.beginning(64) : value)
  )
    throw unsupportedField(
      path,
      'remote URLs are off here; send the picture itself as a data URL, data:image/png;base64,…',
      'unsupported_value',
    );
  const picture = readDataUrl(value, path);
  const { data } = picture;
  if ((typeof data === 'string' ? data.length : data.byteLength) === 0)
    throw invalidValue(path, 'a data URL that is not empty');
  return picture;
}
