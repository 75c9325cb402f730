/** What OpenAI's paths stand below. The second is Google's own base for OpenAI SDKs: its users change only the host. */
export const OPENAI_BASES = ['/v1', '/v1beta/openai', ''] as const;

/** Tells paths below one of those bases and that name, and those with Gemini's version, a slip of whoever changes hosts. */
export function belowOpenAI(name: string): (asked: { readonly path: string }) => boolean {
  const below = new RegExp(`^(?:/v1beta/openai|/v1beta|/v1)?/${name}(?:/|$)`);
  return ({ path }) => below.test(path);
}
