import { invalidValue, unsupportedField } from '../image/fields.ts';
import { remoteIsOff, remotesOf } from '../image/remote.ts';
import type { Remote } from '../image/remote.ts';
import type { ImageRequest, Part, PicturePart, Turn } from '../image/request.ts';
import type { FetchOptions, RemotePictures } from '../remote/fetch.ts';

/** As many as any dialect takes of those that are sent along. */
const MOST_REMOTE = 16;
const AT_ONCE = 4;

/**
 * The request with the bytes of all pictures that it only names. `remote`: null where that is switched off; then those that
 * Gemini's own dialect names go up as they came, and others are refused. Throws GatewayError naming the field.
 */
export async function withRemote(
  remote: RemotePictures | null,
  request: ImageRequest,
  how: FetchOptions,
): Promise<ImageRequest> {
  const wanted = remotesOf(request, remote !== null);
  const [first] = wanted;
  if (first === undefined) return request;
  if (remote === null) throw remoteIsOff(first.path);
  if (wanted.length > MOST_REMOTE) {
    const sentence = `at most ${MOST_REMOTE} pictures are fetched for one request, not ${wanted.length}. Send fewer.`;
    throw unsupportedField(wanted[MOST_REMOTE]!.path, sentence, 'too_many_images');
  }
  const fetched = await fetchAll(remote, wanted, how);
  return replaced(request, fetched);
}

/** Some at a time, and none after one has failed. */
async function fetchAll(
  remote: RemotePictures,
  wanted: readonly Remote[],
  how: FetchOptions,
): Promise<ReadonlyMap<Part, PicturePart>> {
  const fetched = new Map<Part, PicturePart>();
  const queue = [...wanted];
  let hasFailed = false;
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined && !hasFailed; next = queue.shift())
      try {
        const { part, url, path } = next;
        const picture = await remote.fetch(url, path, how);
        fetched.set(part, { ...picture, more: moreOf(part) });
      } catch (error) {
        hasFailed = true;
        throw error;
      }
  };
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return fetched;
}

/** What else a part says, such as how finely it is to be looked at. */
function moreOf(part: Part): PicturePart['more'] {
  if (part.kind !== 'other') return part.more;
  const { fileData: _fileData, ...more } = part.fields;
  return more;
}

function replaced(request: ImageRequest, fetched: ReadonlyMap<Part, PicturePart>): ImageRequest {
  const ofTurn = (turn: Turn): Turn => ({ ...turn, parts: turn.parts.map((part) => fetched.get(part) ?? part) });
  const { masked } = request.delivery;
  const mask = masked === null ? null : (fetched.get(masked.mask) ?? masked.mask);
  if (mask !== null && mask.mimeType !== 'image/png')
    throw invalidValue(mask.named ?? 'mask', 'a PNG with transparent pixels');
  return {
    ...request,
    turns: request.turns.map(ofTurn),
    system: request.system === null ? null : ofTurn(request.system),
    delivery: {
      ...request.delivery,
      masked: masked === null ? null : { picture: fetched.get(masked.picture) ?? masked.picture, mask: mask! },
    },
  };
}
