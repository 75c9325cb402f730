import { dataUrl } from '../../image/data-url.ts';
import { piecesOf as toldOf } from '../../image/pieces.ts';
import type { Json } from '../../wire/json.ts';
import { LongString } from '../../wire/long-string.ts';
import type { Delivered } from '../dialect.ts';

/** What an answer says, in its order; one of them is the picture. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'picture'; readonly url: LongString | string };

/** The picture stands where the vendor has it: what the model wrote before it and after it keeps its place. */
export function piecesOf({ drawn, picture, url }: Delivered): readonly Piece[] {
  const pieces = toldOf(drawn, { thoughts: false });
  return pieces.map((piece, index) => {
    if (piece.kind === 'picture') return { kind: 'picture', url: url ?? dataUrl(picture) };
    // Blank lines around a picture are ours to set.
    const text = pieces[index + 1] === undefined ? piece.text : piece.text.trimEnd();
    return { kind: 'text', text: pieces[index - 1] === undefined ? text : text.trimStart() };
  });
}

/** What the model told of its thinking; '' when it told nothing. */
export function thoughtsOf({ drawn }: Delivered): string {
  return drawn.answer.parts.map((part) => (part.kind === 'text' && part.thought ? part.text : '')).join('');
}

const BLANK_LINE = '\n\n';

/** Text, with blank lines between. `inText`: with its pictures, as Markdown. */
export function contentOf(pieces: readonly Piece[], inText: boolean): LongString | string {
  const blocks = pieces.flatMap((piece) =>
    piece.kind === 'text' ? [piece.text] : inText ? [markdown(piece.url)] : [],
  );
  const spaced = blocks.flatMap((block, index) => (index === 0 ? [block] : [BLANK_LINE, block]));
  return spaced.every((block) => typeof block === 'string') ? spaced.join('') : LongString.join(spaced);
}

export function markdown(url: LongString | string): LongString | string {
  return typeof url === 'string' ? `![image](${url})` : LongString.join(['![image](', url, ')']);
}

/** `index`: its place among the pictures of a message. */
export function renderImage(url: LongString | string, index: number): { [name: string]: Json } {
  return { type: 'image_url', index, image_url: { url } };
}
