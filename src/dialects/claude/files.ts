import { invalidValue } from '../../image/fields.ts';
import type { UploadedFile } from '../../image/file.ts';
import type { JsonObject } from '../../wire/json.ts';
import type { FileInputs, FilesWire } from '../dialect.ts';
import { fieldsOf, idOf, noSuchFile, parseFilePath, readFile } from '../form-files.ts';
import { pageOf } from '../pages.ts';

// https://docs.claude.com/en/api/files-create

const LARGEST_PAGE = 1000;
const UNKNOWN = 'File not found';
const HOW = 'a file in a form, as curl -F file=@fox.png sends it';

export const files: FilesWire = {
  paths: ['/v1/files', '/files'],
  fromForm: fieldsOf,
  parseUpload,
  parsePath: parseFilePath,
  renderFile,
  renderFiles(all, query) {
    const names = ['after_id', 'before_id'] as const;
    const { page, hasMore } = pageOf(all, { nameOf, query, names, largest: LARGEST_PAGE });
    const [first, last] = [page.at(0), page.at(-1)];
    return {
      data: page.map(renderFile),
      has_more: hasMore,
      first_id: first === undefined ? null : nameOf(first),
      last_id: last === undefined ? null : nameOf(last),
    };
  },
  renderDeleted: (id) => ({ id: nameOf({ id }), type: 'file_deleted' }),
  unknownFile: (id) => noSuchFile(UNKNOWN, nameOf({ id }), { param: 'file_id', status: 404 }),
};

/** `{"type":"file","file_id":"file_…"}` where `{"type":"base64",…}` may stand: https://docs.claude.com/en/docs/build-with-claude/files */
export const fileInputs: FileInputs = {
  referenceIn({ type, file_id: name, ...others }, at) {
    if (at !== 'source' || type !== 'file' || typeof name !== 'string') return null;
    // Where there are bytes as well, the source says two things.
    const isAlone = ['data', 'url', 'content'].every((other) => (others[other] ?? null) === null);
    return isAlone ? { id: idOf(name) ?? name, member: 'file_id' } : null;
  },
  inline({ file_id: _name, ...source }, _at, { mimeType, data }) {
    return { ...source, type: 'base64', media_type: mimeType, data };
  },
  unknown: (id, param) => noSuchFile(UNKNOWN, nameOf({ id }), { param, status: 400 }),
};

function nameOf({ id }: Pick<UploadedFile, 'id'>): string {
  return `file_${id}`;
}

function renderFile(file: UploadedFile): JsonObject {
  return {
    id: nameOf(file),
    type: 'file',
    filename: file.fileName || file.displayName || file.id,
    mime_type: file.mimeType,
    size_bytes: file.byteLength,
    created_at: new Date(file.createdAt).toISOString(),
    // Ours, as its SDKs ignore it.
    expires_at: new Date(file.expiresAt).toISOString(),
    downloadable: true,
  };
}

function parseUpload(body: JsonObject): ReturnType<FilesWire['parseUpload']> {
  for (const name of Object.keys(body))
    if (name !== 'file') throw invalidValue(name.slice(0, 60).toWellFormed(), 'left out: a file comes alone');
  const { data, fileName } = readFile(body['file'] ?? null, HOW);
  return { described: { id: null, fileName, displayName: '', purpose: '', claimed: '', keepMs: null }, data };
}
