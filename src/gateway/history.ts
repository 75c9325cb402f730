import { digestOfPicture } from '../cache/key.ts';
import type { Known, Signatures, Whose } from '../cache/signatures.ts';
import { isUnsigned, reviseTurns } from '../image/history.ts';
import type { Original } from '../image/history.ts';
import type { Model } from '../image/model.ts';
import type { ImageRequest, PicturePart } from '../image/request.ts';

export interface HistoryParts {
  readonly signatures: Signatures;
  /** The most that is put back into one request: base64 of pictures and signatures. */
  readonly restoredBytes: number;
}

/** `put_back`: as far as they are known here. `refused`: the vendor would not have them. */
export type SignaturesVerb = 'put_back' | 'refused';

/**
 * Gives the model's own pictures their signatures back, for callers whose dialect cannot carry them, and makes references
 * of those that have none: a vendor refuses a model's picture without its signature. Nothing but the caller's own scope is
 * asked. `hold` waits until there is room for so many bytes more beside the body.
 */
export async function withSignatures(
  { signatures, restoredBytes }: HistoryParts,
  request: ImageRequest,
  whose: Whose,
  { model, verb, hold }: { readonly model: Model; readonly verb: SignaturesVerb; hold(bytes: number): Promise<void> },
): Promise<{ readonly request: ImageRequest; readonly restored: number }> {
  if (!request.turns.some((turn) => turn.parts.some((part) => isUnsigned(part, turn)))) return { request, restored: 0 };
  const pictures = await digested(request);
  const known =
    verb === 'refused' ? new Map<PicturePart, Known>() : await findAll(signatures, pictures, whose, restoredBytes);
  const bytes = new Map([...known.values()].map(({ name, byteLength }) => [name, byteLength]));
  if (bytes.size > 0) await hold([...bytes.values()].reduce((sum, each) => sum + each, 0));
  const originals = await readAll(signatures, known);
  const { turns, restored, moved, leftOut } = reviseTurns(request.turns, originals, model.maxReferences);
  const warnings = [...request.delivery.warnings];
  if (moved > 0) warnings.push(verb === 'refused' ? refused(moved) : unknown(moved));
  if (leftOut > 0)
    warnings.push(
      `${counted(leftOut)} of earlier answers went up in no way: ${model.id} takes at most ${model.maxReferences} references.`,
    );
  return { request: { ...request, turns, delivery: { ...request.delivery, warnings } }, restored };
}

/**
 * Every unsigned picture with its digest. All others are looked at too, before any of them changes its place: what is no
 * base64 is named by where its caller wrote it. The cache key asks for the same digests, which are then known.
 */
async function digested({ turns }: ImageRequest): Promise<ReadonlyMap<PicturePart, string>> {
  const digests = new Map<PicturePart, string>();
  for (const [at, turn] of turns.entries())
    for (const [index, part] of turn.parts.entries()) {
      if (part.kind !== 'picture') continue;
      const digest = await digestOfPicture(part, `contents[${at}].parts[${index}]`);
      if (isUnsigned(part, turn)) digests.set(part, digest);
    }
  return digests;
}

/** Each is asked of a disk: a conversation of more is a reader of it, not an editor. */
const MOST_LOOKED_FOR = 256;

/** The newest first, as long as there is room. */
async function findAll(
  signatures: Signatures,
  pictures: ReadonlyMap<PicturePart, string>,
  whose: Whose,
  mostBytes: number,
): Promise<ReadonlyMap<PicturePart, Known>> {
  const found = new Map<PicturePart, Known>();
  const counted = new Set<string>();
  let left = mostBytes;
  for (const [part, digest] of [...pictures].slice(-MOST_LOOKED_FOR).toReversed()) {
    const known = await signatures.find(digest, whose);
    if (known === null) continue;
    const cost = counted.has(known.name) ? 0 : known.byteLength;
    if (cost > left) continue;
    left -= cost;
    counted.add(known.name);
    found.set(part, known);
  }
  return found;
}

async function readAll(
  signatures: Signatures,
  known: ReadonlyMap<PicturePart, Known>,
): Promise<ReadonlyMap<PicturePart, Original>> {
  const originals = new Map<PicturePart, Original>();
  const read = new Map<string, Original | null>();
  for (const [part, each] of known) {
    if (!read.has(each.name)) read.set(each.name, await signatures.read(each));
    const original = read.get(each.name);
    if (original?.turn[each.at]?.kind === 'picture') originals.set(part, { ...original, at: each.at });
  }
  return originals;
}

function unknown(count: number): string {
  return `${counted(count)} of earlier answers went up as references of the user's: the thought signatures are not known here for this model.`;
}

function refused(count: number): string {
  return `${counted(count)} of earlier answers went up as references of the user's: the vendor did not take the thought signatures.`;
}

function counted(count: number): string {
  return count === 1 ? '1 picture' : `${count} pictures`;
}
