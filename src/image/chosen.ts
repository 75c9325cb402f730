import type { AnswerPart, Drawn } from './answer.ts';
import type { LongString } from '../wire/long-string.ts';

/** Of an answer the part that its picture came in. A picture that was kept is another object than the part. */
export function chosenPart({ answer, picture }: Drawn): AnswerPart | undefined {
  const pictures = answer.parts.filter((part) => part.kind === 'picture' && !part.thought);
  return (
    pictures.find((part) => part.kind === 'picture' && part.data === picture.data) ??
    pictures.find((part) => part.kind === 'picture' && lengthOf(part.data) === picture.data.byteLength) ??
    pictures.at(-1)
  );
}

function lengthOf(data: LongString | string): number {
  return typeof data === 'string' ? data.length : data.byteLength;
}
