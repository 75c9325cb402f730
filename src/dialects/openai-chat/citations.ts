import { isObject } from '../../wire/json.ts';
import type { Json, JsonObject } from '../../wire/json.ts';

// Sources as OpenAI shows them (https://platform.openai.com/docs/guides/tools-web-search), out of Gemini's
// groundingMetadata: https://ai.google.dev/api/generate-content#GroundingMetadata

interface Source {
  readonly url: string;
  readonly title: string;
}

/** One for each place in the text that rests on a source, and one at its end for each source that no place names. */
export function renderCitations(grounding: Json, text: string): readonly JsonObject[] {
  if (!isObject(grounding)) return [];
  const sources = objects(grounding.groundingChunks, (chunk) => sourceOf(chunk));
  const cited = new Set<Source>();
  const citations = objects(grounding.groundingSupports, (support) => {
    const segment = isObject(support.segment) && typeof support.segment.text === 'string' ? support.segment.text : '';
    // Gemini counts bytes of a part, OpenAI characters of the whole: the words themselves are the same in both.
    const at = segment === '' ? -1 : text.indexOf(segment);
    const [start, end] = at < 0 ? [text.length, text.length] : [at, at + segment.length];
    const indices = Array.isArray(support.groundingChunkIndices) ? support.groundingChunkIndices : [];
    return indices.flatMap((index) => {
      const source = typeof index === 'number' ? (sources[index] ?? null) : null;
      if (source === null) return [];
      cited.add(source);
      return [citation(source, start, end)];
    });
  }).flat();
  const others = sources.filter((source) => source !== null && !cited.has(source));
  return [...citations, ...others.map((source) => citation(source!, text.length, text.length))];
}

function citation({ url, title }: Source, start: number, end: number): JsonObject {
  return { type: 'url_citation', url_citation: { start_index: start, end_index: end, url, title } };
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
