import { hash } from 'node:crypto';
import { lift } from '../wire/json.ts';
import type { Json } from '../wire/json.ts';
import { readContents } from './contents.ts';
import type { Conversation } from './contents.ts';
import { badRequest, invalidArgument } from './errors.ts';
import type { FieldViolation } from './errors.ts';
import type { ServedModel } from './models.ts';
import type { Reader } from './proto-json.ts';
import { CountTokensRequest, GenerateContentRequest } from './schema.ts';
import type { GenerationConfig } from './schema.ts';
import { readFormat, readShape } from './shape.ts';
import type { Shape } from './shape.ts';
import type { Signatures } from './signatures.ts';

/** One call for a picture, valid and with the vendor's defaults filled in. */
export interface Asked {
  readonly model: ServedModel;
  /** The model's name as the caller spelt it. */
  readonly name: string;
  readonly prompt: string;
  readonly conversation: Conversation;
  readonly shape: Shape;
  readonly format: 'png' | 'jpeg' | null;
  readonly modalities: ReadonlySet<'TEXT' | 'IMAGE'>;
  readonly seed: number | null;
  /** Whether the same call draws the same picture again. */
  readonly repeatable: boolean;
  readonly includeThoughts: boolean;
  readonly thinksHard: boolean;
  readonly searches: { readonly web: boolean; readonly image: boolean };
  readonly maxOutputTokens: number;
  /** sha256, hex, of all that decides what is drawn: model, words, pictures, seed and size. */
  readonly digest: string;
}

export interface InputTokens {
  readonly text: number;
  readonly image: number;
  readonly document: number;
}

/** https://ai.google.dev/gemini-api/docs/image-understanding: what a request with inline data may weigh. */
export const MAX_BODY_BYTES = 100_000_000;

const DOCUMENT_TOKENS = 258;

export async function readGenerateContent(
  body: readonly Uint8Array[],
  name: string,
  model: ServedModel,
  signatures: Signatures,
): Promise<Asked> {
  const request = readAs(GenerateContentRequest, body);
  const config = request.generationConfig ?? {};
  const modalities = readModalities(config);
  checkConfig(config, model);
  const searches = readTools(request, model);
  checkSafety(request);
  if (request.cachedContent) throw invalidArgument('CachedContent not found (or permission denied)');
  const conversation = await readContents(request.contents, request.systemInstruction, signatures, model.maxPictures);
  const shape = readShape(config, model, conversation.pictures[0]?.pixels ?? null);
  const seed = config.seed ?? null;
  const { includeThoughts = false, thinkingLevel } = config.thinkingConfig ?? {};
  const decided = [
    model.id,
    conversation.texts.map(({ role, text }) => [role, text]),
    conversation.pictures.map(({ role, sha256 }) => [role, sha256]),
    seed,
    shape.ratio,
    shape.tier,
  ];
  return {
    model,
    name,
    prompt: conversation.prompt,
    conversation,
    shape,
    format: readFormat(config),
    modalities,
    seed,
    repeatable: seed !== null || config.temperature === 0,
    includeThoughts,
    thinksHard: thinkingLevel === 'HIGH',
    searches,
    maxOutputTokens: config.maxOutputTokens ?? model.outputTokenLimit,
    digest: hash('sha256', JSON.stringify(decided)),
  };
}

export async function readCountTokens(
  body: readonly Uint8Array[],
  model: ServedModel,
  signatures: Signatures,
): Promise<InputTokens> {
  const request = readAs(CountTokensRequest, body);
  const inner = request.generateContentRequest;
  if (inner && request.contents) {
    throw invalidArgument('Only one of contents and generate_content_request can be set.');
  }
  const contents = inner?.contents ?? request.contents;
  return countInput(await readContents(contents, inner?.systemInstruction, signatures, model.maxPictures), model);
}

/** A plain rule, close to what the recorded replies count: two tokens to nine bytes of UTF-8. */
export function countText(text: string): number {
  return Math.ceil((Buffer.byteLength(text) * 2) / 9);
}

export function countInput(conversation: Conversation, model: ServedModel): InputTokens {
  return {
    text: conversation.texts.reduce((sum, { text }) => sum + countText(text), 0),
    image: conversation.pictures.length * model.inputPictureTokens,
    document: conversation.documents * DOCUMENT_TOKENS,
  };
}

function readAs<T>(reader: Reader<T>, body: readonly Uint8Array[]): T {
  const violations: FieldViolation[] = [];
  const root = body.length === 0 ? {} : parse(body);
  if (root === null || typeof root !== 'object') {
    throw badRequest([
      { field: '', description: 'Invalid JSON payload received. Unknown name "": Root element must be a message.' },
    ]);
  }
  const read = reader(root, { parent: '', name: '' }, violations);
  if (violations.length > 0 || read === undefined) throw badRequest(violations);
  return read;
}

function parse(body: readonly Uint8Array[]): Json {
  try {
    return lift(body, { bytes: MAX_BODY_BYTES });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badRequest([{ field: '', description: `Invalid JSON payload received. ${reason}` }]);
  }
}

function readModalities(config: GenerationConfig): ReadonlySet<'TEXT' | 'IMAGE'> {
  const modalities = new Set<'TEXT' | 'IMAGE'>();
  for (const modality of config.responseModalities ?? []) {
    if (modality === 'TEXT' || modality === 'IMAGE') modalities.add(modality);
    else if (modality !== 'MODALITY_UNSPECIFIED') {
      throw invalidArgument(
        `The requested combination of response modalities (${modality}) is not supported by the model.`,
      );
    }
  }
  return modalities.size > 0 ? modalities : new Set(['TEXT', 'IMAGE'] as const);
}

function checkConfig(config: GenerationConfig, model: ServedModel): void {
  const { thinkingBudget, thinkingLevel } = config.thinkingConfig ?? {};
  const hasLevel = thinkingLevel !== undefined && thinkingLevel !== 'THINKING_LEVEL_UNSPECIFIED';
  if (hasLevel && thinkingBudget !== undefined) {
    throw invalidArgument('You can only set only one of thinking budget and thinking level.');
  }
  if (hasLevel && !model.thinkingLevels.includes(thinkingLevel)) {
    throw invalidArgument('Thinking level is not supported for this model.');
  }
  if (thinkingBudget === 0) throw invalidArgument('Budget 0 is invalid. This model only works in thinking mode.');
  if (thinkingBudget !== undefined && (thinkingBudget < -1 || thinkingBudget > 32_768)) {
    throw invalidArgument(`The thinking budget ${thinkingBudget} is invalid.`);
  }
  if ((config.candidateCount ?? 1) > 1) throw invalidArgument('Multiple candidates is not enabled for this model');
  if ((config.candidateCount ?? 1) < 1) throw outOfRange('candidate_count', '[1, 1]');
  if (!within(config.temperature, 0, 2)) throw outOfRange('temperature', '[0.0, 2.0]');
  if (!within(config.topP, 0, 1)) throw outOfRange('top_p', '[0.0, 1.0]');
  if (!within(config.maxOutputTokens, 1, model.outputTokenLimit)) {
    throw outOfRange('max_output_tokens', `[1, ${model.outputTokenLimit}]`);
  }
  const wantsJson = config.responseMimeType && config.responseMimeType !== 'text/plain';
  if (wantsJson || config.responseSchema || config.responseJsonSchema) {
    throw invalidArgument('JSON mode is not enabled for this model');
  }
}

function readTools(request: GenerateContentRequest, model: ServedModel): Asked['searches'] {
  const searches = { web: false, image: false };
  for (const { googleSearch, ...others } of request.tools ?? []) {
    const [other] = Object.keys(others);
    if (other === 'functionDeclarations') throw invalidArgument('Function calling is not enabled for this model');
    if (other !== undefined) throw invalidArgument(`Tool ${other} is not enabled for models/${model.id}`);
    if (!googleSearch) continue;
    const { webSearch, imageSearch } = googleSearch.searchTypes ?? {};
    if (imageSearch !== undefined && !model.imageSearch) {
      throw invalidArgument(`Image search is not enabled for models/${model.id}`);
    }
    searches.image ||= imageSearch !== undefined;
    searches.web ||= webSearch !== undefined || imageSearch === undefined;
  }
  return searches;
}

function checkSafety(request: GenerateContentRequest): void {
  const categories = (request.safetySettings ?? []).map(({ category }) => category);
  const twice = categories.find((category, index) => categories.indexOf(category) !== index);
  if (twice !== undefined) throw invalidArgument(`Duplicate safety setting for category ${twice}.`);
}

function within(value: number | undefined, least: number, most: number): boolean {
  return value === undefined || (value >= least && value <= most);
}

function outOfRange(field: string, range: string): Error {
  return invalidArgument(`* GenerateContentRequest.generation_config.${field}: must be in the range ${range}.\n`);
}
