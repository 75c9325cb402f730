/** What of a picture is to be sent: all of it, a piece, nothing because the caller has it, nothing because there is no such piece. */
export type Part =
  | { readonly status: 200 }
  | { readonly status: 206; readonly from: number; readonly to: number }
  | { readonly status: 304 }
  | { readonly status: 416 };

export interface Conditions {
  readonly method: string;
  readonly ifNoneMatch: string | undefined;
  readonly ifRange: string | undefined;
  readonly range: string | undefined;
}

/**
 * What a caller gets of something with that strong ETag and length: https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
 * and #section-14.2. Of several ranges, and of what is no range of bytes, all is sent, as the standard lets one do.
 * `to` is exclusive.
 */
export function partFor({ method, ifNoneMatch, ifRange, range }: Conditions, etag: string, length: number): Part {
  if (ifNoneMatch !== undefined && isNamed(ifNoneMatch, etag)) return { status: 304 };
  // A weak tag or a date never tells that the bytes are the same.
  if (method !== 'GET' || range === undefined || (ifRange !== undefined && ifRange.trim() !== etag))
    return { status: 200 };
  const [, first = '', last = ''] = /^\s*bytes\s*=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(range) ?? [];
  if (first === '' && last === '') return { status: 200 };
  if (first === '') {
    const from = Math.max(0, length - Number(last));
    return from < length ? { status: 206, from, to: length } : { status: 416 };
  }
  const from = Number(first);
  if (last !== '' && Number(last) < from) return { status: 200 };
  if (from >= length) return { status: 416 };
  return { status: 206, from, to: last === '' ? length : Math.min(length, Number(last) + 1) };
}

function isNamed(tags: string, etag: string): boolean {
  return tags.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
