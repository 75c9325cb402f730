import type { JsonObject } from '../wire/json.ts';

const SOURCES = ['almanac.example.com', 'weather.example.com', 'atlas.example.com'];
const QUERY_LENGTH = 80;

/**
 * `groundingMetadata` in the recorded shape: the vendor's terms have the chips of `searchEntryPoint` shown, a few KB of
 * HTML. https://ai.google.dev/gemini-api/docs/google-search
 */
export function groundingOf(
  prompt: string,
  searches: { readonly web: boolean; readonly image: boolean },
  text: string,
): JsonObject {
  const query = prompt.replaceAll(/\s+/g, ' ').slice(0, QUERY_LENGTH).toWellFormed();
  const chunks: JsonObject[] = [
    ...(searches.web ? SOURCES.map((title) => ({ web: { title, uri: `https://${title}/search?q=simulated` } })) : []),
    ...(searches.image ? [imageChunk('gallery.example.com')] : []),
  ];
  const support = {
    groundingChunkIndices: [0],
    segment: { endIndex: Buffer.byteLength(text), text: text.trimEnd() },
  };
  return {
    groundingChunks: chunks,
    ...(text ? { groundingSupports: [support] } : {}),
    ...(searches.image ? { imageSearchQueries: [query] } : {}),
    searchEntryPoint: { renderedContent: renderChips([query]) },
    // Recorded: the first query is empty.
    ...(searches.web ? { webSearchQueries: ['', query] } : {}),
  };
}

export function countSearches(grounding: JsonObject | null): number {
  const count = (queries: unknown): number =>
    Array.isArray(queries) ? queries.filter((query) => query !== '').length : 0;
  return count(grounding?.['webSearchQueries']) + count(grounding?.['imageSearchQueries']);
}

function imageChunk(domain: string): JsonObject {
  const page = `https://${domain}/simulated`;
  return { image: { domain, imageUri: `${page}.jpg`, sourceUri: page, title: 'A simulated gallery' } };
}

function renderChips(queries: readonly string[]): string {
  const chips = queries.map(
    (query) =>
      `<a class="chip" href="https://search.example.com/?q=${encodeURIComponent(query)}">${escapeHtml(query)}</a>`,
  );
  const delays = Array.from(
    { length: 84 },
    (_, index) => `.chip:nth-child(${index + 1}) { animation-delay: ${index * 20}ms; }`,
  );
  const style = [
    '.container { align-items: center; border-radius: 8px; display: flex; font-family: sans-serif; padding: 8px 12px; }',
    '.carousel { overflow: auto; scrollbar-width: none; white-space: nowrap; }',
    '.chip { border: 1px solid; border-radius: 16px; display: inline-block; margin: 0 8px; padding: 5px 16px; }',
    '@media (prefers-color-scheme: light) { .container { background-color: #fafafa; } .chip { color: #5e5e5e; } }',
    '@media (prefers-color-scheme: dark) { .container { background-color: #1f1f1f; } .chip { color: #fff; } }',
    ...delays,
  ].join('\n');
  return `<style>\n${style}\n</style>\n<div class="container">\n  <div class="carousel">\n    ${chips.join('\n    ')}\n  </div>\n</div>\n`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
