import { hash } from 'node:crypto';
import { checkPicture } from '../image/picture.ts';
import type { Pixels } from '../image/size.ts';
import { decodeBase64 } from '../wire/base64.ts';
import type { LongString } from '../wire/long-string.ts';
import { badRequest, invalidArgument, VendorError } from './errors.ts';
import { invalidValue } from './proto-json.ts';
import type { Content, Part } from './schema.ts';
import { fingerprintOf, isDummySignature } from './signatures.ts';
import type { Signatures } from './signatures.ts';

/** What a conversation holds, once every part of it was found good. */
export interface Conversation {
  /** Every text but thoughts, with the role that said it. */
  readonly texts: readonly { readonly role: string; readonly text: string }[];
  /** Texts of the last user turn: what is to be drawn. */
  readonly prompt: string;
  readonly pictures: readonly InputPicture[];
  readonly documents: number;
}

export interface InputPicture {
  readonly role: string;
  readonly sha256: string;
  readonly pixels: Pixels;
}

const PICTURE_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/heic', 'image/heif'];
const DOCUMENT_TYPES = ['application/pdf', 'text/plain'];
const DATA_FIELDS = [
  'text',
  'inlineData',
  'fileData',
  'functionCall',
  'functionResponse',
  'executableCode',
  'codeExecutionResult',
] as const satisfies readonly (keyof Part)[];

export async function readContents(
  contents: readonly Content[] | undefined,
  system: Content | undefined,
  signatures: Signatures,
  maxPictures: number,
): Promise<Conversation> {
  if (!contents?.length) throw emptyField('contents', 'contents is not specified');
  const texts = (system?.parts ?? []).flatMap((part) => (part.text ? [{ role: 'system', text: part.text }] : []));
  const pictures: InputPicture[] = [];
  let documents = 0;
  for (const [turn, content] of contents.entries()) {
    const role = content.role || 'user';
    if (role !== 'user' && role !== 'model') throw invalidArgument('Please use a valid role: user, model.');
    if (!content.parts?.length) throw emptyField(`contents[${turn}].parts`, 'contents.parts must not be empty.');
    for (const [position, part] of content.parts.entries()) {
      const path = `contents[${turn}].parts[${position}]`;
      checkOneOf(part, path);
      if (part.thought) continue;
      await checkSignature(part, { role, turn, position, path }, signatures);
      if (part.text) texts.push({ role, text: part.text });
      if (part.fileData) throw foreignFile(part.fileData.fileUri ?? '');
      if (!part.inlineData) continue;
      const { mimeType = '', data = '' } = part.inlineData;
      const type = mimeType.toLowerCase();
      if (DOCUMENT_TYPES.includes(type)) documents += 1;
      else if (PICTURE_TYPES.includes(type)) pictures.push({ role, ...(await readPicture(data, path)) });
      else throw invalidArgument(`Unsupported MIME type: ${mimeType}`);
    }
  }
  if (pictures.filter(({ role }) => role === 'user').length > maxPictures) throw invalidArgument();
  const last = contents.findLast(({ role }) => role !== 'model');
  const prompt = last?.parts?.flatMap((part) => (part.text && !part.thought ? [part.text] : [])).join(' ') ?? '';
  return { texts, prompt, pictures, documents };
}

async function readPicture(data: string | LongString, path: string): Promise<{ sha256: string; pixels: Pixels }> {
  const bytes = await decode(data, `${path}.inline_data.data`);
  const info = await checkPicture(bytes).catch((error: unknown) => {
    const refusal = invalidArgument(
      'Unable to process input image. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
    );
    refusal.cause = error;
    throw refusal;
  });
  const sha256 = hash('sha256', bytes);
  return { sha256, pixels: { width: info.width, height: info.height } };
}

async function fingerprint({ inlineData }: Part, path: string): Promise<Buffer | null> {
  if (!inlineData) return null;
  const bytes = await decode(inlineData.data ?? '', `${path}.inline_data.data`);
  return fingerprintOf(bytes, bytes.length);
}

/** A picture the model is said to have drawn must carry the signature it was sent with; any signature must be one of ours. */
async function checkSignature(
  part: Part,
  at: { role: string; turn: number; position: number; path: string },
  signatures: Signatures,
): Promise<void> {
  const signature = part.thoughtSignature;
  if (!signature) {
    if (at.role !== 'model' || !part.inlineData) return;
    throw invalidArgument(
      `Image part is missing a thought_signature in content position ${at.turn + 1}, part position ${at.position + 1}. ` +
        'Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures#model-behavior for more details.',
    );
  }
  if (typeof signature === 'string' && isDummySignature(signature)) return;
  const bytes = await decode(signature, `${at.path}.thought_signature`);
  const verdict = signatures.verify(bytes, await fingerprint(part, at.path));
  if (verdict === 'corrupted') throw invalidArgument('Corrupted thought signature.');
  if (verdict === 'of_another') throw invalidArgument('Thought signature is not valid.');
}

async function decode(data: string | LongString, path: string): Promise<Buffer> {
  return decodeBase64(data).catch((error: unknown) => {
    const refusal = badRequest([invalidValue(path, 'TYPE_BYTES', data, 'Base64 decoding failed for ')]);
    refusal.cause = error;
    throw refusal;
  });
}

function checkOneOf(part: Part, path: string): void {
  const [first, second] = DATA_FIELDS.filter((field) => part[field] !== undefined);
  if (second !== undefined) {
    const description = `Invalid value at '${path}' (oneof), oneof field 'data' is already set. Cannot set '${second}'`;
    throw badRequest([{ field: path, description }]);
  }
  if (first === undefined && !part.thoughtSignature) {
    throw emptyField(`${path}.data`, "required oneof field 'data' must have one initialized field");
  }
}

function emptyField(path: string, problem: string): VendorError {
  return invalidArgument(`* GenerateContentRequest.${path}: ${problem}\n`);
}

/** The simulator keeps no files, so every one is another account's. */
function foreignFile(uri: string): VendorError {
  const id = /\/files\/([a-z0-9-]+)$/.exec(uri)?.[1];
  return id === undefined
    ? invalidArgument(`Invalid or unsupported file uri: ${uri.slice(0, 200)}`)
    : new VendorError('PERMISSION_DENIED', `You do not have permission to access the File ${id} or it may not exist.`);
}
