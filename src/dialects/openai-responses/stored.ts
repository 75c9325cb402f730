import { unsupportedField } from '../../image/fields.ts';
import { take } from '../../image/native/spelling.ts';
import type { Fields } from '../../image/native/spelling.ts';
import { isTrue } from '../../image/native/unhonoured.ts';
import type { Json } from '../../wire/json.ts';
import type { OwnName } from './fields.ts';

const isGiven = (value: Json): boolean => value !== false;

const AGAIN = 'send the conversation again in input, each answer with its image_generation_call items as they came.';

/** Fields about responses that a server keeps, and what to do without one. https://platform.openai.com/docs/guides/conversation-state */
const STORED: readonly (readonly [OwnName, (value: Json) => boolean, string])[] = [
  ['previous_response_id', isGiven, `no responses are kept here; ${AGAIN}`],
  ['conversation', isGiven, `no conversations are kept here; ${AGAIN}`],
  ['prompt', isGiven, 'no templates are kept here; send what to draw as input, and instructions beside it.'],
  ['background', isTrue, 'a response is answered in its call; send stream: true to hear that it is being drawn.'],
];

export function refuseStored(own: Fields): void {
  for (const [name, asks, sentence] of STORED) {
    const given = take(own, name, (value) => value);
    if (given !== null && asks(given.value)) throw unsupportedField(given.path, sentence);
  }
}
