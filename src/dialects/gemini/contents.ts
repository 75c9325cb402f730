import type { GatewayError } from '../../errors.ts';
import { invalidValue, missingField, readBoolean, readList, readObject, readString } from '../../image/fields.ts';
import { BLOB, CONTENT, PART, PAYLOADS } from '../../image/native/names.ts';
import { gather, known, take, takeRest } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import type { Part, PicturePart, Turn } from '../../image/request.ts';
import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';

// Gemini's Content and Part, both ways: https://ai.google.dev/api/caching#Content

type Role = Turn['role'];

/** A system instruction is spoken by nobody; SDKs and samples write `user` or `system`. */
const SYSTEM_ROLES = new Map<string, Role>([
  ['user', 'user'],
  ['system', 'user'],
]);

const ROLES = new Map<string, Role>([
  ['user', 'user'],
  ['model', 'model'],
]);

/** A long conversation has some hundred; reading more takes time that others wait for. */
const MOST_PARTS = 4096;

export function parseTurns(value: Json, path: string): readonly Turn[] {
  let parts = 0;
  const turns = readList(value).map((item, index) => {
    const at = Array.isArray(value) ? `${path}[${index}]` : path;
    const turn = parseTurn(item, at, ROLES);
    parts += turn.parts.length;
    if (parts > MOST_PARTS) throw tooManyParts(path);
    return turn;
  });
  if (turns.length === 0) throw invalidValue(path, 'a list of at least one content');
  return turns;
}

export function parseSystem(value: Json, path: string): Turn {
  return parseTurn(value, path, SYSTEM_ROLES);
}

function parseTurn(value: Json, path: string, roles: ReadonlyMap<string, Role>): Turn {
  const fields: Fields = new Map();
  gather(fields, readObject(value, path), CONTENT, path);
  const role = take(fields, 'role', readString);
  const speaker = role === null || role.value === '' ? 'user' : roles.get(role.value.toLowerCase());
  if (speaker === undefined) throw invalidValue(`${path}.role`, [...roles.keys()].join(' or '));
  const parts = take(fields, 'parts', parseParts);
  if (parts === null) throw missingField(`${path}.parts`, 'a list of at least one part');
  return { role: speaker, parts: parts.value, more: takeRest(fields) };
}

function tooManyParts(path: string): GatewayError {
  return invalidValue(path, `shorter: all contents together have at most ${MOST_PARTS} parts`);
}

function parseParts(value: Json, path: string): readonly Part[] {
  const given = readList(value);
  if (given.length > MOST_PARTS) throw tooManyParts(path);
  const parts = given.map((item, index) => parsePart(item, Array.isArray(value) ? `${path}[${index}]` : path));
  if (parts.length === 0) throw invalidValue(path, 'a list of at least one part');
  return parts;
}

function parsePart(value: Json, path: string): Part {
  const fields: Fields = new Map();
  gather(fields, readObject(value, path), PART, path);
  const payloads = Object.keys(PAYLOADS).filter((name) => fields.has(name));
  const [payload] = payloads;
  if (payloads.length > 1) {
    throw invalidValue(path, `a part with one kind of content; this one has ${payloads.join(' and ')}`);
  }
  // A name we do not know may be a kind of content newer than this gateway.
  const hasUnknown = [...fields.keys()].some((name) => known(PART, name) === undefined);
  if (payload === undefined && !hasUnknown) {
    throw invalidValue(path, 'a part with content, such as text or inlineData; this one has none');
  }
  if (payload !== 'text' && payload !== 'inlineData') return { kind: 'other', fields: takeRest(fields) };

  const text = take(fields, 'text', readString);
  const blob = take(fields, 'inlineData', parseBlob);
  const thought = take(fields, 'thought', readBoolean)?.value ?? false;
  const signature = take(fields, 'thoughtSignature', readLongString)?.value ?? '';
  const marks = { thought, signature: signature === '' ? null : signature };
  const more = takeRest(fields);
  if (blob === null) return { kind: 'text', text: text?.value ?? '', ...marks, more };
  const { data, mimeType, rest } = blob.value;
  const isBare = Object.keys(rest).length === 0;
  return { kind: 'picture', data, mimeType, ...marks, more: isBare ? more : { ...more, inlineData: rest } };
}

function parseBlob(value: Json, path: string): Pick<PicturePart, 'data' | 'mimeType'> & { readonly rest: JsonObject } {
  const fields: Fields = new Map();
  gather(fields, readObject(value, path), BLOB, path);
  const data = take(fields, 'data', readLongString);
  const mimeType = take(fields, 'mimeType', readString)?.value.trim().toLowerCase();
  if (data === null) throw missingField(`${path}.data`, 'the bytes as base64');
  if (data.value === '') throw invalidValue(data.path, 'the bytes as base64; it is empty');
  if (!mimeType) throw missingField(`${path}.mimeType`, 'a MIME type such as image/png');
  return { data: data.value, mimeType: mimeType === 'image/jpg' ? 'image/jpeg' : mimeType, rest: takeRest(fields) };
}

/** A string that may be a picture or a signature, and so stays as it is. */
function readLongString(value: Json, path: string): LongString | string {
  return value instanceof LongString ? value : readString(value, path);
}

export function renderTurn(turn: Turn): JsonObject {
  return { role: turn.role, parts: turn.parts.map(renderPart), ...turn.more };
}

function renderPart(part: Part): JsonObject {
  if (part.kind === 'other') return part.fields;
  const marks: JsonObject = {
    ...(part.thought && { thought: true }),
    ...(part.signature !== null && { thoughtSignature: part.signature }),
  };
  if (part.kind === 'text') return { text: part.text, ...marks, ...part.more };
  const { inlineData: rest = {}, ...more } = part.more;
  const inlineData: JsonObject = { mimeType: part.mimeType, data: part.data, ...(isObject(rest) && rest) };
  return { inlineData, ...marks, ...more };
}
