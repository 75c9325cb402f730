import type { Part, Turn } from '../../src/image/request.ts';

/** A turn as its role and what is in it: texts as they are, pictures as data URLs. */
export function shown({ role, parts }: Turn): readonly string[] {
  const words = (part: Part): string => {
    if (part.kind === 'text') return part.text;
    if (part.kind === 'other') return JSON.stringify(part.fields);
    return `data:${part.mimeType};base64,${typeof part.data === 'string' ? part.data : part.data.text()}`;
  };
  return [role, ...parts.map(words)];
}
