import { isObject } from '../wire/json.ts';
import type { Json, JsonObject } from '../wire/json.ts';

// Sources as OpenAI shows them (https://platform.openai.com/docs/guides/tools-web-search), out of Gemini's
// groundingMetadata: https://ai.google.dev/api/generate-content#GroundingMetadata

interface Source {
  readonly url: string;
  readonly title: string;
}

/** A place in a text, in characters, and what it rests on. */
export interface Citation extends Source {
  readonly start_index: number;
  readonly end_index: number;
}

/**
 * Of each text of an answer what it rests on: one for each place that rests on a source, and at the end of the last text
 * one for each source that no place names.
 */
export function citationsOf(grounding: Json, texts: readonly string[]): readonly (readonly Citation[])[] {
  const cited = texts.map((): Citation[] => []);
  if (!isObject(grounding) || texts.length === 0) return cited;
  const last = texts.length - 1;
  const sources = objects(grounding.groundingChunks, (chunk) => sourceOf(chunk));
  const named = new Set<Source>();
  objects(grounding.groundingSupports, (support) => {
    const segment = isObject(support.segment) && typeof support.segment.text === 'string' ? support.segment.text : '';
    // Gemini counts bytes of a part, OpenAI characters of the whole: the words themselves are the same in both.
    const found = segment === '' ? -1 : texts.findIndex((text) => text.includes(segment));
    const place = found < 0 ? last : found;
    const start = found < 0 ? texts[last]!.length : texts[found]!.indexOf(segment);
    const indices = Array.isArray(support.groundingChunkIndices) ? support.groundingChunkIndices : [];
    for (const index of indices) {
      const source = typeof index === 'number' ? (sources[index] ?? null) : null;
      if (source === null) continue;
      named.add(source);
      cited[place]!.push(citation(source, start, found < 0 ? start : start + segment.length));
    }
  });
  const end = texts[last]!.length;
  for (const source of sources)
    if (source !== null && !named.has(source)) cited[last]!.push(citation(source, end, end));
  return cited;
}

function citation({ url, title }: Source, start: number, end: number): Citation {
  return { start_index: start, end_index: end, url, title };
}

function sourceOf(chunk: JsonObject): Source | null {
  for (const kind of [chunk.web, chunk.image, chunk.retrievedContext, chunk.maps]) {
    if (!isObject(kind)) continue;
    const url = [kind.uri, kind.sourceUri].find((one) => typeof one === 'string' && one !== '');
    if (typeof url !== 'string') continue;
    const title = [kind.title, kind.domain].find((one) => typeof one === 'string' && one !== '');
    return { url, title: typeof title === 'string' ? title : url };
  }
  return null;
}

function objects<T>(value: Json | undefined, read: (item: JsonObject) => T): readonly T[] {
  return Array.isArray(value) ? value.map((item) => read(isObject(item) ? item : {})) : [];
}
