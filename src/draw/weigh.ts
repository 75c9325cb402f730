import type { Answer } from '../image/answer.ts';
import type { AnswerFacts, DrawFacts } from '../image/price.ts';
import type { Draw } from '../image/request.ts';
import { isObject, splice } from '../wire/json.ts';
import type { Json } from '../wire/json.ts';

/** Tools that ask no search engine anything. All others, and those still to come, may. */
const SEARCHLESS: ReadonlySet<string> = new Set([
  'functionDeclarations',
  'codeExecution',
  'urlContext',
  'fileSearch',
  'computerUse',
  'mcpServers',
]);

/**
 * What a price before the fact is made of: bytes of text going up, pictures, and whether the vendor looks things up
 * itself or reads page by page, which may come to any number of tokens that the model can read.
 */
export function weigh(draw: Draw): DrawFacts {
  const turns = draw.system === null ? draw.turns : [...draw.turns, draw.system];
  const parts = turns.flatMap((turn) => turn.parts);
  const openEnded =
    draw.tools.length > 0 ||
    draw.more.request.cachedContent !== undefined ||
    parts.some(
      (part) =>
        part.kind === 'other' ||
        (part.kind === 'picture' && (!part.mimeType.startsWith('image/') || isFine(part.more.mediaResolution))),
    ) ||
    (isFine(draw.more.generationConfig.mediaResolution) && parts.some(({ kind }) => kind === 'picture'));
  let promptBytes = 0;
  for (const part of parts) {
    if (part.kind === 'text') promptBytes += Buffer.byteLength(part.text);
    else if (part.kind === 'other') promptBytes += splice(part.fields).byteLength;
  }
  const loose: Json[] = [
    draw.thinking,
    [...draw.tools],
    [...draw.safety],
    draw.more.request,
    draw.more.generationConfig,
    draw.more.imageConfig,
  ];
  for (const value of loose) promptBytes += splice(value).byteLength;
  return {
    tier: draw.tier,
    promptBytes,
    references: parts.filter((part) => part.kind === 'picture').length,
    openEnded,
    maySearch: draw.tools.some((tool) => Object.keys(tool).some((name) => !SEARCHLESS.has(name))),
    thinkingBudget: readBudget(draw.thinking?.thinkingBudget),
  };
}

/** Whether it names what lies with the vendor or elsewhere, and needs a right of its own: files, cached contents, stores of tools. */
export function namesOthers({ turns, system, tools, more }: Draw): boolean {
  const all = system === null ? turns : [...turns, system];
  return (
    tools.length > 0 ||
    more.request.cachedContent !== undefined ||
    all.some(({ parts }) => parts.some(({ kind }) => kind === 'other'))
  );
}

/** A whole number, or its digits as proto3's JSON allows; -1 leaves it to the vendor. What is neither the vendor refuses. */
function readBudget(budget: Json | undefined): number {
  const tokens = typeof budget === 'number' || typeof budget === 'string' ? Math.ceil(Number(budget)) : 0;
  return tokens > 0 ? tokens : 0;
}

/**
 * Whether a caller has its pictures read at more tokens than a model's usual: twice or four times as many, by a table
 * that grows. https://ai.google.dev/gemini-api/docs/media-resolution
 */
function isFine(resolution: Json | undefined): boolean {
  if (resolution === undefined || resolution === null) return false;
  if (isObject(resolution)) return resolution.numTokens !== undefined || isFine(resolution.level);
  return resolution !== 'MEDIA_RESOLUTION_UNSPECIFIED' && resolution !== 'MEDIA_RESOLUTION_LOW';
}

/** What a reply's true cost is made of. */
export function weighAnswer(answer: Answer, { tier }: Pick<Draw, 'tier'>): AnswerFacts {
  return {
    usage: answer.usage,
    tier,
    pictures: answer.parts.filter((part) => part.kind === 'picture' && !part.thought).length,
    searches: countQueries(answer.grounding),
  };
}

/** An empty query is none: https://ai.google.dev/gemini-api/docs/google-search#pricing */
function countQueries(grounding: Json): number {
  if (!isObject(grounding)) return 0;
  const lists = [grounding.webSearchQueries, grounding.imageSearchQueries];
  return lists.flatMap((list) => (Array.isArray(list) ? list : [])).filter((query) => query !== '' && query !== null)
    .length;
}
