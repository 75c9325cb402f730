import type { GatewayError } from '../errors.ts';
import { isObject } from '../wire/json.ts';
import type { Json } from '../wire/json.ts';
import { LongString } from '../wire/long-string.ts';
import { unsupportedField } from './fields.ts';
import { isVideoSite } from './limits.ts';
import type { ImageRequest, Part, PicturePart } from './request.ts';

/** Whether a string is the address of something elsewhere, without reading all of it. */
export function isRemoteUrl(value: Json): boolean {
  if (typeof value !== 'string' && !(value instanceof LongString)) return false;
  return /^\s*https?:/i.test(value instanceof LongString ? value.beginning(16) : value.slice(0, 16));
}

/** A picture that has still to be fetched; what type it is, its bytes will say. `path`: the field it came in. */
export function remotePart(url: string, path: string): PicturePart {
  const mimeType = 'image/png';
  return { kind: 'picture', data: '', mimeType, thought: false, signature: null, more: {}, named: path, remote: url };
}

export function remoteIsOff(path: string): GatewayError {
  return unsupportedField(
    path,
    'remote URLs are off here: pictures are not fetched. Send the picture itself, as a data URL or in base64.',
    'unsupported_value',
  );
}

/** A picture of a request that lies elsewhere. */
export interface Remote {
  readonly part: Part;
  readonly url: string;
  /** The field it came in. */
  readonly path: string;
}

/**
 * The pictures that have still to be fetched, each part once, in their order. `natives`: also those that Gemini's own
 * `fileData` names; else it is the vendor's affair what it makes of them.
 */
export function remotesOf(request: ImageRequest, natives: boolean): readonly Remote[] {
  const { turns, system, delivery } = request;
  const placed = turns.flatMap((turn, at) =>
    turn.parts.map((part, index) => ({ part, place: `contents[${at}].parts[${index}]` })),
  );
  const inSystem = (system?.parts ?? []).map((part, index) => ({ part, place: `systemInstruction.parts[${index}]` }));
  const { masked } = delivery;
  const masks = masked === null ? [] : [masked.picture, masked.mask].map((part) => ({ part, place: '' }));
  const found = new Map<Part, Remote>();
  for (const { part, place } of [...inSystem, ...placed, ...masks]) {
    const url = part.kind === 'picture' ? unfetched(part) : natives ? nativeUrl(part) : null;
    if (url === null || found.has(part)) continue;
    const path = (part.kind === 'picture' ? part.named : undefined) ?? `${place}.fileData.fileUri`;
    found.set(part, { part, url, path });
  }
  return [...found.values()];
}

function unfetched({ remote, data }: PicturePart): string | null {
  return remote !== undefined && data === '' ? remote : null;
}

/** A file that was uploaded, at the vendor or here: its bytes are there already. */
const UPLOADED = /\/v1(?:alpha|beta)?\/files\/[^/?#]+$/;

/** Of a picture on the web, or what may be one. */
function nativeUrl(part: Part): string | null {
  if (part.kind !== 'other' || !isObject(part.fields.fileData ?? null)) return null;
  const { fileUri = null, mimeType = null } = part.fields.fileData as Record<string, Json>;
  if (typeof fileUri !== 'string' || !isRemoteUrl(fileUri) || UPLOADED.test(fileUri) || isVideoSite(fileUri))
    return null;
  return mimeType === null || (typeof mimeType === 'string' && /^image\//i.test(mimeType)) ? fileUri : null;
}
