import { isObject } from '../wire/json.ts';
import { unsupportedField } from './fields.ts';
import type { Model } from './model.ts';
import type { ImageRequest, OtherPart, PicturePart } from './request.ts';

/** YouTube is the one place on the web the vendor takes videos from, without saying that they are. */
const VIDEO_SITE = /^https?:\/\/(?:[\w-]+\.)*(?:youtube\.com|youtu\.be)(?:[/?:]|$)/i;

export function isVideoSite(uri: string): boolean {
  return VIDEO_SITE.test(uri);
}

/** Hardly a text has so many letters to a token; one that does is refused by the vendor. */
const LETTERS_PER_TOKEN = 16;

/**
 * Refuses what the model cannot take in, before anything is paid: a 400 naming the part, by its field or by its place
 * in Gemini's request, and what is allowed.
 */
export function checkParts(request: ImageRequest, model: Model): void {
  const turns = request.turns.map((turn, index) => ({ turn, path: `contents[${index}]` }));
  const system = request.system === null ? [] : [{ turn: request.system, path: 'systemInstruction' }];
  let references = 0;
  let last = 'contents';
  let letters = 0;
  for (const { turn, path } of [...system, ...turns]) {
    for (const [index, part] of turn.parts.entries()) {
      if (part.kind === 'text') letters += part.text.length;
      if (part.kind === 'text') continue;
      const mimeType =
        part.kind === 'picture'
          ? checkInline(part, `${path}.parts[${index}]`, model)
          : checkFile(part, `${path}.parts[${index}]`, model);
      // What the model drew itself comes back as history, not as a reference.
      if (turn.role !== 'user' || !mimeType?.startsWith('image/')) continue;
      references += 1;
      if (part.kind === 'picture') last = part.named ?? last;
    }
  }
  if (letters > model.inputTokenLimit * LETTERS_PER_TOKEN) {
    const sentence = `${model.id} reads at most ${model.inputTokenLimit} tokens, and this is more text. Send less.`;
    throw unsupportedField('contents', sentence, 'prompt_too_long');
  }
  if (references > model.maxReferences) {
    throw unsupportedField(
      last,
      `${model.id} takes at most ${model.maxReferences} reference pictures, not ${references}. Send fewer.`,
      'too_many_images',
    );
  }
}

function checkInline(part: PicturePart, path: string, model: Model): string {
  checkMimeType(part.mimeType, part.named ?? `${path}.inlineData.mimeType`, model);
  return part.mimeType;
}

function checkFile({ fields }: OtherPart, path: string, model: Model): string | null {
  const file = fields.fileData;
  if (file === undefined || !isObject(file)) return null;
  if (typeof file.fileUri === 'string' && isVideoSite(file.fileUri)) {
    throw unsupportedField(
      `${path}.fileData.fileUri`,
      `${model.id} takes no videos. ${allowed(model)}`,
      'unsupported_value',
    );
  }
  if (typeof file.mimeType !== 'string') return null;
  const mimeType = file.mimeType.toLowerCase();
  checkMimeType(mimeType, `${path}.fileData.mimeType`, model);
  return mimeType;
}

function checkMimeType(mimeType: string, path: string, model: Model): void {
  if (model.inputs.includes(mimeType)) return;
  throw unsupportedField(path, `${model.id} does not take this type. ${allowed(model)}`, 'unsupported_value');
}

function allowed(model: Model): string {
  return `Allowed types: ${model.inputs.join(', ')}.`;
}
