import { GatewayError } from '../errors.ts';
import { invalidValue, missingField, readObject, readString } from '../image/fields.ts';
import { FILE_ID } from '../image/file.ts';
import type { FormPart } from '../wire/form.ts';
import type { Json, JsonObject } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';
import type { FilesWire } from './dialect.ts';

// Files that are sent as a form and named by a word before their id, as OpenAI's and Claude's are.

const LONGEST_NAME = 255;

/** A form as JSON; a file with the name that it came with. Throws GatewayError where one name is there twice: which of them counts? */
export function fieldsOf(parts: readonly FormPart[]): JsonObject {
  const fields = new Map<string, Json>();
  for (const part of parts) {
    if (fields.has(part.name)) throw invalidValue(part.name.slice(0, 60).toWellFormed(), 'there once');
    fields.set(part.name, part.kind === 'text' ? part.text : { data: part.data, name: part.fileName ?? '' });
  }
  return Object.fromEntries(fields);
}

/** What `fieldsOf` wrote of a file. Throws GatewayError naming the field. */
export function readFile(value: Json, how: string): { readonly data: LongString | string; readonly fileName: string } {
  if (value === null) throw missingField('file', how);
  if (typeof value === 'string' || value instanceof LongString) throw invalidValue('file', how);
  const { data = null, name = '' } = readObject(value, 'file');
  if (typeof data !== 'string' && !(data instanceof LongString)) throw invalidValue('file', how);
  return { data, fileName: readString(name, 'file').slice(0, LONGEST_NAME).toWellFormed() };
}

/** `file-…` and `file_…` are one file: one vendor's client may have sent what another's asks for. */
export function idOf(name: string): string | null {
  const id = name.replace(/^file[-_]/, '');
  return FILE_ID.test(id) ? id : null;
}

export const parseFilePath: FilesWire['parsePath'] = (rest) => {
  const [, name = '', content] = /^([^/]+)(\/content)?$/.exec(rest) ?? [];
  const id = idOf(name);
  return id === null ? null : { id, wants: content === undefined ? 'file' : 'bytes' };
};

/** `words`: the vendor's own, such as `No such File object`. */
export function noSuchFile(
  words: string,
  name: string,
  { param, status }: { param: string; status: number },
): GatewayError {
  const shown = name.slice(0, 60).toWellFormed();
  const message = `${words}: ${shown}. It may have expired, or been sent with a key of another team. Send it again.`;
  return new GatewayError('invalid_request', message, { status, param, code: 'file_not_found', retry: false });
}
