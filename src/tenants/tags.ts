import { GatewayError } from '../errors.ts';

/** A caller's own words for what a picture is for, by name: `{ job: '12', team: 'web' }`. */
export type Tags = Readonly<Record<string, string>>;

const MAX_TAGS = 5;
const MAX_HEADER_LENGTH = 512;
/** A name is as narrow as a column of a report; a value is printable ASCII, which a comma ends. */
const TAG = /^([A-Za-z0-9_.-]{1,32})=([\x20-\x2b\x2d-\x7e]{1,64})$/;

export const TAG_NAME = /^[A-Za-z0-9_.-]{1,32}$/;

/** The tags of an `x-plantain-tags` header, such as `team=web,job=12`, by name in order. Throws `invalid_request`. */
export function readTags(header: string | readonly string[] | undefined): Tags {
  const text = typeof header === 'object' ? header.join() : (header ?? '');
  if (text.length > MAX_HEADER_LENGTH)
    throw refused(`it has ${text.length} characters, of ${MAX_HEADER_LENGTH} at most`);
  const tags = new Map<string, string>();
  for (const item of text.split(',').map((each) => each.trim())) {
    if (item === '') continue;
    const [, name, value] = TAG.exec(item) ?? [];
    if (name === undefined || value === undefined) throw refused('one of its tags is none');
    if (tags.has(name)) throw refused(`"${name}" is there twice`);
    tags.set(name, value.trim());
  }
  if (tags.size > MAX_TAGS) throw refused(`it has ${tags.size} tags`);
  return Object.fromEntries([...tags].sort(([one], [other]) => (one < other ? -1 : 1)));
}

function refused(why: string): GatewayError {
  const message =
    `x-plantain-tags must be up to ${MAX_TAGS} tags such as team=web,job=12, each a name of 1 to 32 letters, digits, "_", "." or "-" ` +
    `and a value of 1 to 64 printable ASCII characters without a comma: ${why}.`;
  return new GatewayError('invalid_request', message, { param: 'x-plantain-tags', code: 'invalid_value' });
}
