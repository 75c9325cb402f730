import { invalidValue, missingField, readInteger, readObject, readString } from '../image/fields.ts';
import type { UploadedFile } from '../image/file.ts';
import type { FormPart } from '../wire/form.ts';
import type { Json, JsonObject } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';
import type { FileInputs, FilesWire } from './dialect.ts';
import { fieldsOf, idOf, noSuchFile, parseFilePath, readFile } from './form-files.ts';
import { pageOf } from './pages.ts';

// https://platform.openai.com/docs/api-reference/files

const LARGEST_PAGE = 10_000;
/** Seconds. */
const LIFE = { min: 3_600, max: 2_592_000 };
const UNKNOWN = 'No such File object';
const HOW = 'a file in a form, as curl -F purpose=vision -F file=@fox.png sends it';

export const files: FilesWire = {
  paths: ['/v1/files', '/v1beta/openai/files', '/files'],
  fromForm,
  parseUpload,
  parsePath: parseFilePath,
  renderFile,
  renderFiles(all, query) {
    const purpose = query.get('purpose');
    const order = query.get('order') ?? 'desc';
    if (order !== 'desc' && order !== 'asc') throw invalidValue('order', 'asc or desc');
    const wanted = all.filter((file) => purpose === null || purposeOf(file) === purpose);
    const sorted = order === 'desc' ? wanted : wanted.toReversed();
    const { page, hasMore } = pageOf(sorted, { nameOf, query, names: ['after', 'before'], largest: LARGEST_PAGE });
    const [first, last] = [page.at(0), page.at(-1)];
    return {
      object: 'list',
      data: page.map(renderFile),
      first_id: first === undefined ? null : nameOf(first),
      last_id: last === undefined ? null : nameOf(last),
      has_more: hasMore,
    };
  },
  renderDeleted: (id) => ({ id: nameOf({ id }), object: 'file', deleted: true }),
  unknownFile: (id) => noSuchFile(UNKNOWN, nameOf({ id }), { param: 'file_id', status: 404 }),
};

/** Where pictures and documents stand. Of `file_id` anywhere else, as in somebody's metadata, we know nothing. */
const PLACES: ReadonlySet<string> = new Set([
  'content',
  'file',
  'image',
  'images',
  'input',
  'input_image_mask',
  'input_references',
  'mask',
  'output',
]);
/** What may stand beside the name of a file. */
const BESIDE: ReadonlySet<string> = new Set(['type', 'detail', 'filename', 'index', 'cache_control', 'file_id']);

/** `{"file_id":"file-…"}` in the place of a picture or a document, on every path of OpenAI's. */
export const fileInputs: FileInputs = {
  referenceIn(object, at) {
    if (!PLACES.has(at)) return null;
    const { file_id: name = null } = object;
    // Where the bytes are there as well, the dialect says that these are two.
    const isAlone = Object.entries(object).every(([member, value]) => value === null || BESIDE.has(member));
    return typeof name === 'string' && isAlone ? { id: idOf(name) ?? name, member: 'file_id' } : null;
  },
  inline({ file_id: _name, ...object }, at, { mimeType, data }) {
    const url = LongString.join([`data:${mimeType};base64,`, data]);
    const isDocument = at === 'file' || object.type === 'file' || object.type === 'input_file';
    return { ...object, [isDocument ? 'file_data' : 'image_url']: url };
  },
  unknown: (id, param) => noSuchFile(UNKNOWN, nameOf({ id }), { param, status: 400 }),
};

function nameOf({ id }: Pick<UploadedFile, 'id'>): string {
  return `file-${id}`;
}

/** Who sent it by another dialect said nothing of that. */
function purposeOf({ purpose }: UploadedFile): string {
  return purpose === '' ? 'user_data' : purpose;
}

function renderFile(file: UploadedFile): JsonObject {
  return {
    id: nameOf(file),
    object: 'file',
    bytes: file.byteLength,
    created_at: Math.floor(file.createdAt / 1000),
    expires_at: Math.floor(file.expiresAt / 1000),
    filename: file.fileName || file.displayName || file.id,
    purpose: purposeOf(file),
    status: 'processed',
    status_details: null,
  };
}

const LIFE_MEMBER = /^expires_after\[(anchor|seconds)\]$/;

/** A form as the JSON that says the same: SDKs write what is nested with brackets. */
function fromForm(parts: readonly FormPart[]): JsonObject {
  const life = parts.flatMap((part): [string, Json][] => {
    const member = LIFE_MEMBER.exec(part.name)?.[1];
    return part.kind === 'text' && member !== undefined ? [[member, asNumber(part.text)]] : [];
  });
  const others = parts.filter(({ name }) => !LIFE_MEMBER.test(name));
  return {
    ...fieldsOf(others),
    ...(life.length > 0 && { expires_after: Object.fromEntries(life) }),
  };
}

function asNumber(text: string): Json {
  return /^\d{1,12}$/.test(text) ? Number(text) : text;
}

function parseUpload(body: JsonObject): ReturnType<FilesWire['parseUpload']> {
  for (const name of Object.keys(body))
    if (!['file', 'purpose', 'expires_after'].includes(name))
      throw invalidValue(
        name.slice(0, 60).toWellFormed(),
        'left out: a file comes with purpose and expires_after alone',
      );
  const { data, fileName } = readFile(body['file'] ?? null, HOW);
  const purpose = body['purpose'] ?? null;
  if (purpose === null) throw missingField('purpose', 'what the file is for, such as vision');
  const keepMs = readLife(body['expires_after'] ?? null);
  return {
    described: { id: null, fileName, displayName: '', purpose: readPurpose(purpose), claimed: '', keepMs },
    data,
  };
}

function readPurpose(value: Json): string {
  const purpose = readString(value, 'purpose');
  if (/^[a-z][a-z_-]{0,39}$/.test(purpose)) return purpose;
  throw invalidValue('purpose', 'a word such as vision or user_data');
}

function readLife(value: Json): number | null {
  if (value === null) return null;
  const { anchor = null, seconds = null } = readObject(value, 'expires_after');
  if (anchor !== 'created_at') throw invalidValue('expires_after[anchor]', 'created_at');
  if (seconds === null) throw missingField('expires_after[seconds]', `an integer from ${LIFE.min} to ${LIFE.max}`);
  return readInteger(seconds, 'expires_after[seconds]', LIFE) * 1000;
}
