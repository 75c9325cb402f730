import { readOneOf, readString } from '../image/fields.ts';
import { take } from '../image/native/spelling.ts';
import type { Fields } from '../image/native/spelling.ts';
import type { Delivery, ImageRequest } from '../image/request.ts';
import { LEAST_SAFETY } from '../image/safety.ts';

/** For whom, in OpenAI's newer word for it, which answers repeat: https://platform.openai.com/docs/guides/safety-best-practices */
export function readSafetyIdentifier(own: Fields): string | null {
  return readName(own, 'safety_identifier');
}

/** The end user, for the ledger: the newer word wins over `user`. */
export function readUser(own: Fields, { safetyIdentifier }: Delivery): string | null {
  const user = readName(own, 'user');
  return safetyIdentifier ?? user;
}

function readName(own: Fields, name: string): string | null {
  const given = take(own, name, readString)?.value ?? '';
  return given === '' ? null : given;
}

/** `moderation: low` is the laxest that Gemini has, where nothing else is said of safety. */
export function readSafety(own: Fields, { safety }: Pick<ImageRequest, 'safety'>): ImageRequest['safety'] {
  const moderation = take(own, 'moderation', (value, path) => readOneOf(value, path, ['low', 'auto']));
  return safety.length === 0 && moderation?.value === 'low' ? LEAST_SAFETY : safety;
}
