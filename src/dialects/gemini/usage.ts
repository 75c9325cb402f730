import type { Usage } from '../../image/answer.ts';
import { isObject } from '../../wire/json.ts';
import type { Json } from '../../wire/json.ts';

const MAX_TOKENS = 2_147_483_647;

/**
 * UsageMetadata by modality. The totals hold more than their details list: what is not listed is text. Only where a
 * picture came and none is listed, the unlisted rest is the picture: taken for text it would cost a twentieth.
 * https://ai.google.dev/api/generate-content#UsageMetadata
 */
export function parseUsage(usage: Json, hasPicture: boolean): Usage {
  const said = isObject(usage) ? usage : {};
  const input = byModality(said.promptTokensDetails);
  const output = byModality(said.candidatesTokensDetails);
  const candidates = count(said.candidatesTokenCount);
  const unlisted = Math.max(candidates - output.image - output.other, 0);
  const isPictureUnlisted = hasPicture && output.image === 0;

  const inputImage = input.image;
  const inputText =
    Math.max(count(said.promptTokenCount) - inputImage, input.other) + count(said.toolUsePromptTokenCount);
  const outputImage = isPictureUnlisted ? unlisted : output.image;
  const outputText = output.other + (isPictureUnlisted ? 0 : unlisted);
  const thinking = count(said.thoughtsTokenCount);
  const sum = inputText + inputImage + outputText + outputImage + thinking;
  return { inputText, inputImage, outputText, outputImage, thinking, total: count(said.totalTokenCount) || sum };
}

/** Whether the counts can be those of a bill: none is absurd, and a picture is counted at all. */
export function isUsageSound(usage: Json, hasPicture: boolean): boolean {
  if (!isObject(usage)) return false;
  const isCount = (value: Json | undefined): boolean => value === undefined || value === null || isToken(value);
  const details = [usage.promptTokensDetails, usage.candidatesTokensDetails].flatMap((list) => list ?? []);
  if (!COUNTS.every((name) => isCount(usage[name]))) return false;
  if (!details.every((detail) => isObject(detail) && isCount(detail.tokenCount))) return false;
  return !hasPicture || (count(usage.promptTokenCount) > 0 && parseUsage(usage, true).outputImage > 0);
}

/** Those that are billed: nobody pays for a total. */
const COUNTS = ['promptTokenCount', 'toolUsePromptTokenCount', 'candidatesTokenCount', 'thoughtsTokenCount'];

function byModality(details: Json | undefined): { readonly image: number; readonly other: number } {
  let image = 0;
  let other = 0;
  for (const detail of Array.isArray(details) ? details : []) {
    if (!isObject(detail)) continue;
    const tokens = count(detail.tokenCount);
    if (detail.modality === 'IMAGE') image += tokens;
    else other += tokens;
  }
  return { image, other };
}

/** int32 on the wire; anything else, and anything below zero, counts for nothing. */
function count(value: Json | undefined): number {
  return isToken(value) ? value : 0;
}

function isToken(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TOKENS;
}
