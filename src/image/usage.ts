import type { Drawn, Usage } from './answer.ts';

/** What several pictures took together. */
export function totalUsage(pictures: readonly { readonly drawn: Drawn }[]): Usage {
  const sum = (name: keyof Usage): number => pictures.reduce((total, { drawn }) => total + drawn.answer.usage[name], 0);
  return {
    inputText: sum('inputText'),
    inputImage: sum('inputImage'),
    outputText: sum('outputText'),
    outputImage: sum('outputImage'),
    thinking: sum('thinking'),
    total: sum('total'),
  };
}
