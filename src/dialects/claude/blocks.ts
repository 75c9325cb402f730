import type { GatewayError } from '../../errors.ts';
import { textPart } from '../../image/conversation.ts';
import type { PassOver, Placed } from '../../image/conversation.ts';
import { isDataUrl, readDataUrl } from '../../image/data-url.ts';
import {
  conflictingFields,
  invalidValue,
  missingField,
  readObject,
  readOneOf,
  readString,
  unsupportedField,
} from '../../image/fields.ts';
import { readMarkdown } from '../../image/markdown.ts';
import { isRemoteUrl, remotePart } from '../../image/remote.ts';
import type { Part, PicturePart } from '../../image/request.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';

// What a message says: https://docs.claude.com/en/api/messages#body-messages-content

type Reader = (block: JsonObject, path: string, passOver: PassOver) => readonly Part[];

/** `fields`: what a block may have beside its type. Of what is ignored nothing changes the picture. */
interface Kind {
  readonly fields: readonly string[];
  readonly read: Reader;
}

const ALLOWED = 'text, image, document, search_result or tool_result';

const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['text', { fields: ['text', 'citations'], read: parseText }],
  ['image', { fields: ['source'], read: (block, path, passOver) => [parseImage(block, path, passOver)] }],
  ['document', { fields: ['source'], read: parseDocument }],
  ['search_result', { fields: ['content'], read: parseResult }],
  ['tool_result', { fields: ['content', 'tool_use_id'], read: parseResult }],
  // Of an answer that is sent back: Claude's own API leaves out what a model thought before, and so does this.
  ['thinking', { fields: ['thinking', 'signature'], read: () => [] }],
  ['redacted_thinking', { fields: ['data'], read: () => [] }],
]);

/** The model called something, or a server did: no model that draws reads of it. */
const CALL = /^(?:[a-z_]+_)?tool_(?:use|result|reference)$/;

/** A string, or a list of blocks. What is empty says nothing. */
export function parseContent(value: Json, path: string, passOver: PassOver): readonly Placed[] {
  const placed = (parts: readonly Part[], at: string) => parts.map((part) => ({ part, path: at }));
  if (typeof value === 'string' || value instanceof LongString) return placed(readText(value, path), path);
  if (!Array.isArray(value)) throw invalidValue(path, 'a string or a list of content blocks');
  return value.flatMap((item, index) => {
    const at = `${path}[${index}]`;
    return placed(parseBlock(readObject(item, at), at, passOver), at);
  });
}

function parseBlock(block: JsonObject, path: string, passOver: PassOver): readonly Part[] {
  const type = readString(block.type ?? null, `${path}.type`);
  const kind = KINDS.get(type);
  if (kind === undefined) {
    if (!CALL.test(type)) throw invalidValue(`${path}.type`, ALLOWED);
    passOver(path);
    return [];
  }
  for (const [name, field] of Object.entries(block)) {
    // `cache_control` is about the price of Claude's own input, and there is none of it here.
    const isKnown = name === 'type' || name === 'cache_control' || kind.fields.includes(name);
    if (!isKnown && !saysNothing(field)) passOver(`${path}.${name}`);
  }
  return kind.read(block, path, passOver);
}

function saysNothing(field: Json): boolean {
  if (typeof field !== 'object' || field instanceof LongString) return field === false;
  if (field === null) return true;
  return Object.values(field).every((value) => value === null || value === false);
}

function parseText(block: JsonObject, path: string): readonly Part[] {
  return readText(readField(block, 'text', path), `${path}.text`);
}

/** Clients that know of text alone keep pictures in it. */
function readText(value: LongString | string, path: string): readonly Part[] {
  return readMarkdown(value, path).map((piece) => (typeof piece === 'string' ? textPart(piece) : piece));
}

/** What a tool gave back is told to the model like anything else its user tells it. */
function parseResult(block: JsonObject, path: string, passOver: PassOver): readonly Part[] {
  const { content = null } = block;
  return content === null ? [] : parseContent(content, `${path}.content`, passOver).map(({ part }) => part);
}

function parseImage(block: JsonObject, path: string, passOver: PassOver): PicturePart {
  const { source, at } = readSource(block, path, passOver, '{"type":"base64","media_type":"image/png","data":"…"}');
  const type = readOneOf(source.type ?? null, `${at}.type`, ['base64', 'url', 'file']);
  if (type === 'url') return readAddress(source, at);
  if (type === 'file') throw noName(source, at);
  return parseBytes(source, at, /^image\//, 'a type of pictures, such as image/png');
}

function parseDocument(block: JsonObject, path: string, passOver: PassOver): readonly Part[] {
  const example = '{"type":"base64","media_type":"application/pdf","data":"…"}';
  const { source, at } = readSource(block, path, passOver, example);
  const type = readOneOf(source.type ?? null, `${at}.type`, ['base64', 'text', 'content', 'url', 'file']);
  if (type === 'url') return [readUrl(source, at)];
  if (type === 'file') throw noName(source, at);
  if (type === 'content') return parseResult(source, at, passOver);
  if (type === 'text') return readText(readField(source, 'data', at), `${at}.data`);
  return [parseBytes(source, at, /^application\/pdf$/, 'application/pdf')];
}

/** Bytes inside the request, as a view on them; a data URL where the bare base64 belongs is taken for what it is. */
function parseBytes(source: JsonObject, at: string, types: RegExp, expected: string): PicturePart {
  const data = readField(source, 'data', at);
  if (isDataUrl(data)) return readDataUrl(data, `${at}.data`);
  if ((typeof data === 'string' ? data.length : data.byteLength) === 0)
    throw invalidValue(`${at}.data`, 'the bytes as base64; it is empty');
  const claimed = readString(source.media_type ?? null, `${at}.media_type`)
    .trim()
    .toLowerCase();
  const mimeType = claimed === 'image/jpg' ? 'image/jpeg' : claimed;
  if (!types.test(mimeType)) throw invalidValue(`${at}.media_type`, expected);
  return { kind: 'picture', data, mimeType, thought: false, signature: null, more: {} };
}

/** A picture, or where it lies. */
function readAddress(source: JsonObject, at: string): PicturePart {
  const { url = null } = source;
  return isRemoteUrl(url) ? remotePart(readString(url, `${at}.url`), at) : readUrl(source, at);
}

function readUrl(source: JsonObject, at: string): PicturePart {
  const url = readField(source, 'url', at);
  if (isDataUrl(url)) return readDataUrl(url, `${at}.url`);
  throw unsupportedField(
    at,
    'remote URLs are off here; send the bytes as {"type":"base64","media_type":"image/png","data":"…"}.',
    'unsupported_value',
  );
}

const OF_SOURCES = ['type', 'media_type', 'data', 'url', 'file_id', 'content'];

function readSource(block: JsonObject, path: string, passOver: PassOver, example: string) {
  const at = `${path}.source`;
  if ((block.source ?? null) === null) throw missingField(at, `an object such as ${example}`);
  const source = readObject(block.source!, at);
  for (const [name, field] of Object.entries(source))
    if (!OF_SOURCES.includes(name) && !saysNothing(field)) passOver(`${at}.${name}`);
  return { source, at };
}

/** An uploaded file is in the place of its name before this is read. */
function noName(source: JsonObject, at: string): GatewayError {
  const beside = ['data', 'url', 'content'].find((name) => (source[name] ?? null) !== null);
  if (beside !== undefined && (source.file_id ?? null) !== null)
    return conflictingFields(`${at}.${beside}`, `${at}.file_id`);
  return invalidValue(`${at}.file_id`, 'the id of a file, such as file_abc123');
}

function readField(object: JsonObject, name: string, path: string): LongString | string {
  const value = object[name] ?? null;
  if (value === null) throw missingField(`${path}.${name}`, 'a string');
  return value instanceof LongString ? value : readString(value, `${path}.${name}`);
}
