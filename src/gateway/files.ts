import type { FileInputs } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import type { Files } from '../files/files.ts';
import type { FileWithBytes } from '../files/ports.ts';
import type { Incoming } from '../gateway.ts';
import { unsupportedField } from '../image/fields.ts';
import { isObject } from '../wire/json.ts';
import type { Json, JsonObject } from '../wire/json.ts';

export interface FileParts {
  readonly files: Files;
  /** The most that files add to one request: bytes of base64. */
  readonly restoredBytes: number;
}

type Asking = Pick<Incoming, 'dialect' | 'caller' | 'body' | 'holdMore'>;

/** Of one file, where it is named first. */
interface Named {
  readonly id: string;
  readonly path: string;
  /** As often as it is named, it goes up. */
  readonly times: number;
}

/** More than any model takes in. */
const MOST = 64;

/**
 * The body with the bytes of the tenant's files where it names them, so that from here on it is as if they had come with
 * it: a file works with whoever draws, and is the same request as the picture itself. Throws GatewayError in the dialect's
 * words for one that is not there.
 */
export async function withFiles({ files, restoredBytes }: FileParts, asking: Asking): Promise<JsonObject> {
  const { dialect, body, caller, holdMore } = asking;
  const tenant = caller.tenant.id;
  const inputs = dialect.fileInputs;
  if (inputs === undefined) return body;
  const named = filesIn(body, inputs);
  if (named.size === 0) return body;
  if (named.size > MOST)
    throw unsupportedField([...named.values()][MOST]!.path, `a request names at most ${MOST} files.`);

  let bytes = 0;
  let sent = 0;
  for (const { id, path, times } of named.values()) {
    const file = await files.find(tenant, id);
    if (file === null) throw inputs.unknown(id, path);
    bytes += Math.ceil(file.byteLength / 3) * 4;
    sent += times * Math.ceil(file.byteLength / 3) * 4;
    if (sent > restoredBytes) throw tooLarge(path, restoredBytes);
  }
  await holdMore(bytes, 'files');
  const read = new Map<string, FileWithBytes>();
  for (const { id, path } of named.values()) {
    const found = await files.read(tenant, id);
    if (found === null) throw inputs.unknown(id, path);
    read.set(id, found);
  }
  return inlined(body, inputs, read);
}

function filesIn(body: JsonObject, inputs: FileInputs): ReadonlyMap<string, Named> {
  const named = new Map<string, Named>();
  const visit = (value: Json, name: string, path: string): void => {
    if (Array.isArray(value)) return value.forEach((item, index) => visit(item, name, `${path}[${index}]`));
    if (!isObject(value)) return;
    const found = inputs.referenceIn(value, name);
    if (found !== null) {
      const { id, member } = found;
      const first = named.get(id) ?? { id, path: path === '' ? member : `${path}.${member}`, times: 0 };
      named.set(id, { ...first, times: first.times + 1 });
    }
    for (const [member, each] of Object.entries(value)) visit(each, member, path === '' ? member : `${path}.${member}`);
  };
  visit(body, '', '');
  return named;
}

function inlined(body: JsonObject, inputs: FileInputs, files: ReadonlyMap<string, FileWithBytes>): JsonObject {
  const change = (object: JsonObject, name: string): JsonObject => {
    const entries = Object.entries(object).map(([member, each]) => [member, visit(each, member)] as const);
    const whole = Object.fromEntries(entries);
    const found = inputs.referenceIn(object, name);
    const file = found === null ? undefined : files.get(found.id);
    if (file === undefined) return whole;
    return inputs.inline(whole, name, { mimeType: file.file.mimeType, data: file.data });
  };
  const visit = (value: Json, name: string): Json => {
    if (Array.isArray(value)) return value.map((item) => visit(item, name));
    return isObject(value) ? change(value, name) : value;
  };
  return change(body, '');
}

function tooLarge(path: string, most: number): GatewayError {
  const message = `${path}: the files of one request have at most ${most} bytes together, as base64. Name fewer.`;
  return new GatewayError('too_large', message, { param: path, code: 'files_too_large' });
}
