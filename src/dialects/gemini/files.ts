import { GatewayError } from '../../errors.ts';
import { invalidValue, readObject, readString, unsupportedField } from '../../image/fields.ts';
import { FILE_ID, MEDIA_TYPE } from '../../image/file.ts';
import type { DescribedFile, UploadedFile } from '../../image/file.ts';
import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';
import type { FileInputs, FilesWire } from '../dialect.ts';

// https://ai.google.dev/api/files

const USUAL_PAGE = 10;
const LARGEST_PAGE = 100;
const LONGEST_DISPLAY_NAME = 512;

export const files: FilesWire = {
  paths: ['/v1beta/files', '/v1/files', '/files'],
  parseUpload() {
    const how = 'files are sent to /upload/v1beta/files: their bytes go with what is said of them.';
    throw unsupportedField('file', how, 'unsupported_value');
  },
  parsePath(rest) {
    const [, id = '', method] = /^([^/:]+)(:download)?$/.exec(rest.replace(/%3a/i, ':')) ?? [];
    return FILE_ID.test(id) ? { id, wants: method === undefined ? 'file' : 'bytes' } : null;
  },
  renderFile,
  renderFiles(all, query, base) {
    const token = query.get('pageToken') ?? query.get('page_token') ?? '';
    const start = token === '' ? 0 : all.findIndex(({ id }) => id === token);
    if (start < 0) throw invalidValue('pageToken', 'the nextPageToken of the page before, or absent for the first one');
    const end = start + pageSize(query.get('pageSize') ?? query.get('page_size') ?? '');
    const next = all[end];
    const page = all.slice(start, end).map((file) => renderFile(file, base));
    return { ...(page.length > 0 && { files: page }), ...(next !== undefined && { nextPageToken: next.id }) };
  },
  renderDeleted: () => ({}),
  uploads: {
    paths: ['/upload/v1beta/files', '/upload/v1/files', '/upload/files'],
    parseDescription,
    renderUploaded: (file, base) => ({ file: renderFile(file, base) }),
  },
  unknownFile: (id) => unknown(id, 'name'),
};

/** `fileData` whose URI is one of ours, at whatever depth: where it stands `inlineData` may stand. */
export const fileInputs: FileInputs = {
  referenceIn(object) {
    const member = (object['fileData'] ?? null) === null ? 'file_data' : 'fileData';
    const file = object[member];
    // Where there are bytes as well, the part says two things, and is refused for that.
    if (file === undefined || !isObject(file) || (object['inlineData'] ?? object['inline_data'] ?? null) !== null)
      return null;
    if (member === 'fileData' && (object['file_data'] ?? null) !== null) return null;
    const uri = file['fileUri'] ?? file['file_uri'];
    const id = typeof uri === 'string' ? idIn(uri) : null;
    return id === null ? null : { id, member: `${member}.${'fileUri' in file ? 'fileUri' : 'file_uri'}` };
  },
  inline({ fileData: _data, file_data: _other, ...part }, _name, { mimeType, data }) {
    return { ...part, inlineData: { mimeType, data } };
  },
  unknown,
};

/** Google's own files are none of ours, and a reference to them goes up as it is. */
const GOOGLE = /(?:^|\.)googleapis\.com(?::\d+)?$/i;
/** As we wrote it, whatever way its caller took to us; or its name alone. */
const URI = /^(?:(?:https?:\/\/([^/?#]+)(?:\/[^?#]*)?)?\/(?:v1|v1beta)\/)?files\/([^/?#]+)$/;

function idIn(uri: string): string | null {
  const [, host = '', id = ''] = URI.exec(uri) ?? [];
  return FILE_ID.test(id) && !GOOGLE.test(host) ? id : null;
}

function unknown(id: string, param: string): GatewayError {
  const shown = id.slice(0, 60).toWellFormed();
  const message = `You do not have permission to access the File ${shown} or it may not exist.`;
  return new GatewayError('forbidden', message, { param, code: 'file_not_found', retry: false });
}

function renderFile(file: UploadedFile, base: string): JsonObject {
  return {
    name: `files/${file.id}`,
    ...(file.displayName !== '' && { displayName: file.displayName }),
    mimeType: file.mimeType,
    sizeBytes: String(file.byteLength),
    createTime: new Date(file.createdAt).toISOString(),
    updateTime: new Date(file.createdAt).toISOString(),
    expirationTime: new Date(file.expiresAt).toISOString(),
    // Google's is the base64 of the digest in hex.
    sha256Hash: Buffer.from(file.digest).toString('base64'),
    uri: `${base}/v1beta/files/${file.id}`,
    downloadUri: `${base}/v1beta/files/${file.id}:download?alt=media`,
    state: 'ACTIVE',
    source: 'UPLOADED',
  };
}

/** What is said of a file that is about to be sent: `{"file":{"displayName":…,"mimeType":…,"name":…}}`, in either spelling. */
function parseDescription(body: JsonObject): Pick<DescribedFile, 'id' | 'displayName' | 'claimed'> {
  const file = body['file'] === undefined || body['file'] === null ? {} : readObject(body['file'], 'file');
  const read = (...names: readonly string[]): string => {
    const name = names.find((each) => (file[each] ?? null) !== null);
    return name === undefined ? '' : readString(file[name]!, `file.${name}`);
  };
  const displayName = read('displayName', 'display_name');
  if (displayName.length > LONGEST_DISPLAY_NAME)
    throw invalidValue('file.displayName', `a text of at most ${LONGEST_DISPLAY_NAME} characters`);
  return { id: readName(file['name'] ?? null), displayName, claimed: readType(read('mimeType', 'mime_type')) };
}

/** It goes back to its sender in a header, and into requests in a data URL. */
function readType(claimed: string): string {
  const essence = (claimed.split(';', 1)[0] ?? '').trim().toLowerCase();
  if (claimed === '' || MEDIA_TYPE.test(essence)) return essence;
  throw invalidValue('file.mimeType', 'a media type such as image/png');
}

function readName(value: Json): string | null {
  if (value === null || value === '') return null;
  const id = readString(value, 'file.name').replace(/^files\//, '');
  if (FILE_ID.test(id)) return id;
  throw invalidValue('file.name', 'files/ and 1 to 40 small letters, digits or dashes, with no dash at either end');
}

/** 0 is proto3's way of saying nothing. */
function pageSize(asked: string): number {
  if (!/^\d{0,9}$/.test(asked)) throw invalidValue('pageSize', `an integer from 1 to ${LARGEST_PAGE}`);
  return Math.min(Number(asked), LARGEST_PAGE) || USUAL_PAGE;
}
