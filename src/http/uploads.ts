import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import type { Dialect, FilesWire } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import { unknownUpload, wrongOffset } from '../files/refusals.ts';
import { GRANULARITY } from '../files/uploads.ts';
import type { Upload } from '../files/uploads.ts';
import type { DescribedFile, UploadedFile } from '../image/file.ts';
import { invalidValue, missingField } from '../image/fields.ts';
import type { Caller } from '../tenants/authenticate.ts';
import { LongString } from '../wire/long-string.ts';
import { acquireOrRefuse } from './byte-budget.ts';
import { readBody, readBytes, USUAL_PACE } from './body.ts';
import type { BodySource } from './body.ts';
import { commonHeaders } from './exchange.ts';
import type { Answered, Facts } from './exchange.ts';
import { splitUrl } from './paths.ts';
import { authenticated, identify, json } from './routes.ts';
import type { Mount, Request, RouteParts } from './routes.ts';

// Google's uploads: https://ai.google.dev/gemini-api/docs/files. Its SDKs write the host they were given into the address
// they are told, and Python's sends no key to it: the id of the upload is the credential.

const DESCRIPTION_BYTES = 64 << 10;
const LONGEST_NAME = 255;
const NOTHING = LongString.fromBase64([]);

const HOW =
  'either X-Goog-Upload-Protocol: resumable with X-Goog-Upload-Command: start, or X-Goog-Upload-Protocol: raw with the bytes as the body';

export function registerUploads(app: FastifyInstance, dialects: readonly Dialect[], mount: Mount): void {
  for (const dialect of dialects) {
    const wire = dialect.files?.uploads;
    for (const path of wire?.paths ?? []) {
      const handler = mount(path, dialect, (parts) => (request, facts, source) => {
        const query = new URLSearchParams(splitUrl(request.url).query);
        const asked = { parts, dialect, wire: wire!, request, facts, source, query };
        return query.has('upload_id') ? goOn(asked) : begin(asked);
      });
      app.post(path, handler);
      // An upload that was begun may be sent either way.
      app.put(path, handler);
    }
  }
}

interface Asked {
  readonly parts: RouteParts;
  readonly dialect: Dialect;
  readonly wire: NonNullable<FilesWire['uploads']>;
  readonly request: Request;
  readonly facts: Facts;
  readonly source: BodySource;
  readonly query: URLSearchParams;
}

async function begin(asked: Asked): Promise<Answered> {
  const { parts, dialect, request, facts, query } = asked;
  const caller = await identify(parts, request, facts, dialect);
  const { tenant, keyId } = caller;
  const protocol = header(request, 'x-goog-upload-protocol') ?? query.get('upload_protocol') ?? query.get('uploadType');
  if (protocol === 'raw' || protocol === 'media') {
    const described = { ...unsaid(request), claimed: request.headers['content-type'] ?? '' };
    return withBytes(asked, parts.files.files.bytesPerFile, async (data) => {
      // The bytes may take minutes to come: what was revoked meanwhile counts.
      facts.caller = authenticated(parts, request, dialect);
      return told(asked, await parts.files.files.add(tenant.id, described, data));
    });
  }
  const command = header(request, 'x-goog-upload-command');
  if (protocol !== 'resumable' || command !== 'start') {
    const param = protocol === 'resumable' ? 'X-Goog-Upload-Command' : 'X-Goog-Upload-Protocol';
    throw new GatewayError('invalid_request', `A file is sent with ${HOW}.`, { param, code: 'invalid_value' });
  }
  const described = { ...unsaid(request), ...(await readDescription(asked)) };
  const byteLength = readNumber(request, 'x-goog-upload-header-content-length');
  const claimed = header(request, 'x-goog-upload-header-content-type') ?? described.claimed;
  const owner = { tenant: tenant.id, keyId };
  const id = await parts.files.uploads.begin(owner, { ...described, claimed }, byteLength);
  return empty(facts, {
    'x-goog-upload-status': 'active',
    'x-goog-upload-url': `${parts.publicUrl()}${splitUrl(request.url).path}?upload_id=${id}&upload_protocol=resumable`,
    'x-goog-upload-chunk-granularity': String(GRANULARITY),
  });
}

async function goOn(asked: Asked): Promise<Answered> {
  const { parts, request, facts, query } = asked;
  const { uploads } = parts.files;
  const upload = open(asked, query.get('upload_id') ?? '');
  const { tenant } = (facts.caller = callerOf(asked, upload));
  await parts.requestLimits.admit(request, tenant);
  const commands = (header(request, 'x-goog-upload-command') ?? '').split(',').map((word) => word.trim().toLowerCase());
  if (commands.includes('query')) {
    const file = await uploads.finished(upload);
    const received = file?.byteLength ?? (await uploads.received(upload));
    const status = file === null ? 'active' : 'final';
    return empty(facts, { 'x-goog-upload-status': status, 'x-goog-upload-size-received': String(received) });
  }
  if (commands.includes('cancel')) {
    await uploads.cancel(upload);
    return empty(facts, { 'x-goog-upload-status': 'cancelled' });
  }
  const isLast = commands.includes('finalize');
  if (!commands.includes('upload')) {
    if (!isLast) throw missingField('X-Goog-Upload-Command', 'upload, or "upload, finalize", or query, or cancel');
    const finished = await uploads.finished(upload);
    if (finished !== null) return told(asked, finished);
    const received = await uploads.received(upload);
    // Pieces may have made room for others: somebody must say how many bytes there were, or a file cut short passes for whole.
    const all = upload.byteLength ?? readNumber(request, 'x-goog-upload-offset');
    if (all === null) throw missingField('X-Goog-Upload-Offset', 'how many bytes the file has');
    if (upload.byteLength === null && all !== received) throw wrongOffset(received);
    return told(asked, await finish(asked, upload, received, NOTHING));
  }
  const from = readNumber(request, 'x-goog-upload-offset');
  if (from === null) throw missingField('X-Goog-Upload-Offset', 'how many bytes came before these');
  return withBytes(asked, Math.max(0, mostBytes(asked, upload) - from), async (data) => {
    facts.caller = callerOf(asked, upload);
    if (isLast) return told(asked, await finish(asked, upload, from, data));
    const received = await uploads.add(upload, from, data);
    return empty(facts, { 'x-goog-upload-status': 'active', 'x-goog-upload-size-received': String(received) });
  });
}

/** What came before its last bytes lies in memory again while it is put together: as much room as if it came now. */
async function finish({ parts, source }: Asked, upload: Upload, from: number, last: LongString): Promise<UploadedFile> {
  const bytes = Math.ceil((Math.min(from, parts.files.files.bytesPerFile) * 4) / 3);
  const room = await acquireOrRefuse(parts.fileBudget, bytes, source.gone);
  try {
    return await parts.files.uploads.finish(upload, from, last);
  } finally {
    room.keep(0);
  }
}

/** Its id is good for no longer than the key it was begun with. */
function callerOf({ parts }: Asked, { tenant, keyId }: Upload): Caller {
  const caller = parts.files.callerOf(tenant, keyId);
  if (caller === null) throw unknownUpload();
  return caller;
}

function mostBytes({ parts }: Asked, { byteLength }: Upload): number {
  return byteLength ?? parts.files.files.bytesPerFile;
}

/** Who guesses ids is counted like who guesses keys. */
function open({ parts, request }: Asked, id: string): Upload {
  try {
    return parts.files.uploads.open(id);
  } catch (error) {
    throw parts.requestLimits.refuse(request, error);
  }
}

async function withBytes(
  { parts, facts, source }: Asked,
  bytes: number,
  use: (data: LongString) => Promise<Answered>,
): Promise<Answered> {
  const body = await readBytes(source, { bytes, budget: parts.budget, pace: USUAL_PACE });
  facts.bytesIn = body.byteLength;
  try {
    return await use(body.data);
  } finally {
    body.giveBack();
  }
}

/** What is said of a file by headers alone. */
function unsaid(request: Request): DescribedFile {
  const fileName = asText(header(request, 'x-goog-upload-file-name') ?? '')
    .slice(0, LONGEST_NAME)
    .toWellFormed();
  return { id: null, fileName, displayName: '', purpose: '', claimed: '', keepMs: null };
}

async function readDescription({
  parts,
  wire,
  request,
  source,
}: Asked): Promise<Partial<Pick<DescribedFile, 'id' | 'displayName' | 'claimed'>>> {
  if (request.headers['content-length'] === '0') return {};
  const limits = { bytes: DESCRIPTION_BYTES, budget: parts.budget, pace: USUAL_PACE };
  const body = await readBody(source, limits);
  const letGo = body.retain();
  try {
    return wire.parseDescription(body.value);
  } finally {
    letGo();
  }
}

/** SDKs take the upload for done by the header, and by nothing else. */
function told({ parts, wire, facts }: Asked, file: UploadedFile): Answered {
  return json(wire.renderUploaded(file, parts.publicUrl()), facts, { 'x-goog-upload-status': 'final' });
}

function empty({ requestId }: Facts, headers: Readonly<Record<string, string>>): Answered {
  const whole = { ...commonHeaders(requestId), 'content-type': 'text/plain', ...headers };
  return { reply: { status: 200, headers: whole, chunks: [], byteLength: 0 } };
}

/** Node reads headers as Latin-1, and clients write names as UTF-8: https://www.rfc-editor.org/rfc/rfc9110#section-5.5 */
function asText(header: string): string {
  const bytes = Buffer.from(header, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : header;
}

function header(request: Request, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}

function readNumber(request: Request, name: string): number | null {
  const text = header(request, name);
  if (text === null) return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw invalidValue(name, 'a number of bytes');
}
