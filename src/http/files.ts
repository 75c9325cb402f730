import type { FastifyInstance } from 'fastify';
import type { Dialect, FilesWire } from '../dialects/dialect.ts';
import type { Files } from '../files/files.ts';
import type { Uploads } from '../files/uploads.ts';
import type { Caller } from '../tenants/authenticate.ts';
import { Base64Error, decodedLength, decodePieces, readBase64 } from '../wire/base64.ts';
import { invalidValue } from '../image/fields.ts';
import type { LongString } from '../wire/long-string.ts';
import { acquireOrRefuse } from './byte-budget.ts';
import { readBody, USUAL_PACE } from './body.ts';
import { commonHeaders } from './exchange.ts';
import type { Answered, Facts } from './exchange.ts';
import { dialectOf, splitUrl } from './paths.ts';
import { notServed } from './refusals.ts';
import { authenticated, identify, json, wildcard } from './routes.ts';
import type { Mount, Request, RouteParts } from './routes.ts';
import type { Handler, HandlerOver } from './server.ts';

export interface FileRouteParts {
  readonly files: Files;
  readonly uploads: Uploads;
  /** Who began an upload, as it is now; null: its key or its tenant is no good any more. */
  readonly callerOf: (tenant: string, keyId: string) => Caller | null;
}

/** What surrounds the bytes in a form. */
const FORM_BYTES = 64 << 10;

/** Files are sent, listed, had and deleted on paths that several vendors share: its headers say whose a call is. */
export function registerFiles(app: FastifyInstance, dialects: readonly Dialect[], mount: Mount): void {
  const paths = new Set(dialects.flatMap(({ files }) => files?.paths ?? []));
  for (const path of paths) {
    const one = `${path}/{id}`;
    app.post(path, mount(path, null, spoken(upload)));
    app.get(path, mount(path, null, spoken(list)));
    app.get(`${path}/*`, mount(one, null, spoken(look)));
    app.delete(`${path}/*`, mount(one, null, spoken(remove)));
  }
  // Where Google's guide has its bytes; its SDKs ask on the paths above.
  for (const version of ['v1beta', 'v1'])
    app.get(`/download/${version}/files/*`, mount(`/download/${version}/files/{id}`, null, spoken(look)));
}

interface Asked {
  readonly parts: RouteParts;
  readonly wire: FilesWire;
  readonly dialect: Dialect;
  readonly request: Request;
  readonly facts: Facts;
  readonly source: Parameters<Handler>[2];
}

function spoken(answer: (asked: Asked) => Promise<Answered>): HandlerOver {
  return (parts) => async (request, facts, source) => {
    const dialect = dialectOf({ ...splitUrl(request.url), headers: request.headers }, parts.dialects);
    const wire = dialect.files;
    if (wire === undefined) throw notServed(request, parts);
    return answer({ parts, wire, dialect, request, facts, source });
  };
}

async function upload({ parts, wire, dialect, request, facts, source }: Asked): Promise<Answered> {
  const { files } = parts.files;
  await identify(parts, request, facts, dialect);
  const bytes = files.bytesPerFile + FORM_BYTES;
  const body = await readBody(source, { bytes, budget: parts.budget, pace: USUAL_PACE }, wire.fromForm ?? null);
  facts.bytesIn = body.byteLength;
  const letGo = body.retain();
  try {
    // It may take minutes to come: what was revoked meanwhile counts.
    const { tenant } = (facts.caller = authenticated(parts, request, dialect));
    const { described, data } = wire.parseUpload(body.value);
    const file = await files.add(tenant.id, described, await canonical(data));
    const isShort = described.keepMs !== null && described.keepMs > files.keepMs;
    const warning = `expires_after is not honoured: files are kept for ${Math.round(files.keepMs / 3_600_000)} hours`;
    return json(wire.renderFile(file, parts.publicUrl()), facts, isShort ? { 'x-plantain-warning': warning } : {});
  } finally {
    letGo();
  }
}

/** JSON may have it in either alphabet. */
async function canonical(data: LongString | string): Promise<LongString> {
  try {
    return (await readBase64(data)).canonical;
  } catch (error) {
    if (error instanceof Base64Error) throw invalidValue('file', `base64: ${error.message}`);
    throw error;
  }
}

async function list({ parts, wire, dialect, request, facts }: Asked): Promise<Answered> {
  const { tenant } = await identify(parts, request, facts, dialect);
  const query = new URLSearchParams(splitUrl(request.url).query);
  const files = await parts.files.files.list(tenant.id);
  return json(wire.renderFiles(files, query, parts.publicUrl()), facts);
}

async function look(asked: Asked): Promise<Answered> {
  const { parts, wire, dialect, request, facts } = asked;
  const { tenant } = await identify(parts, request, facts, dialect);
  const { id, wants } = named(wire, request);
  if (wants === 'bytes') return download(asked, tenant.id, id);
  const file = await parts.files.files.find(tenant.id, id);
  if (file === null) throw wire.unknownFile(id);
  return json(wire.renderFile(file, parts.publicUrl()), facts);
}

async function download({ parts, wire, facts, source }: Asked, tenant: string, id: string): Promise<Answered> {
  const { files } = parts.files;
  const known = await files.find(tenant, id);
  if (known === null) throw wire.unknownFile(id);
  const room = await acquireOrRefuse(parts.linkBudget, Math.ceil((known.byteLength * 4) / 3), source.gone);
  try {
    const found = await files.read(tenant, id);
    if (found === null) throw wire.unknownFile(id);
    const { file, data } = found;
    const byteLength = decodedLength(data);
    const headers = {
      ...commonHeaders(facts.requestId),
      'content-type': file.mimeType,
      // What somebody uploaded is never run by a browser that happens to show it.
      'content-disposition': 'attachment',
      'content-security-policy': "default-src 'none'; sandbox",
    };
    const reply = { status: 200, headers, chunks: decodePieces(data, 0, byteLength), byteLength };
    return { reply, delivered: () => room.keep(0) };
  } catch (error) {
    room.keep(0);
    throw error;
  }
}

async function remove({ parts, wire, dialect, request, facts }: Asked): Promise<Answered> {
  const { tenant } = await identify(parts, request, facts, dialect);
  const { id, wants } = named(wire, request);
  if (wants === 'bytes' || !(await parts.files.files.delete(tenant.id, id))) throw wire.unknownFile(id);
  return json(wire.renderDeleted(id), facts);
}

function named(wire: FilesWire, request: Request): { readonly id: string; readonly wants: 'file' | 'bytes' } {
  const rest = wildcard(request);
  const found = wire.parsePath(rest);
  if (found === null) throw wire.unknownFile(rest);
  return found;
}
