import type { Drawn } from './answer.ts';
import { chosenPart } from './chosen.ts';

/** What an answer says; one of them is its picture. */
export type Piece = { readonly kind: 'text' | 'thought'; readonly text: string } | { readonly kind: 'picture' };

/**
 * What an answer says, in the vendor's order: what the model wrote before its picture and after it keeps its place. Texts
 * that follow one another are one, and drafts are no answer. `thoughts`: whether those are told.
 */
export function piecesOf(drawn: Drawn, { thoughts }: { readonly thoughts: boolean }): readonly Piece[] {
  const chosen = chosenPart(drawn);
  const pieces: Piece[] = [];
  for (const part of drawn.answer.parts) {
    if (part === chosen) pieces.push({ kind: 'picture' });
    if (part.kind !== 'text' || part.text === '' || (part.thought && !thoughts)) continue;
    const kind = part.thought ? 'thought' : 'text';
    const last = pieces.at(-1);
    if (last !== undefined && last.kind === kind) pieces[pieces.length - 1] = { kind, text: last.text + part.text };
    else pieces.push({ kind, text: part.text });
  }
  return pieces;
}
