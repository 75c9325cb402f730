import { hash } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import type { NewFile, UploadedFile } from '../image/file.ts';
import type { LongString } from '../wire/long-string.ts';
import { Parcel } from './entry.ts';
import { keyName } from './key.ts';
import type { Shelf } from './shelf.ts';
import { StoreDown } from './store.ts';
import type { Card, Selection } from './store.ts';

/** A piece of a file that comes in several. */
export interface PiecePlace {
  readonly tenant: string;
  readonly id: string;
  /** Unix milliseconds. */
  readonly endsAt: number;
}

/** To be raised with every change of a head's shape. */
const VERSION = 1;
/** What stands in the place of a model: files and their pieces are told from pictures by it, and listed by it. */
const FILES = 'files';
const PIECES = 'file-pieces';
/** Of a tenant's own scope, and of nobody else whose pictures lie in it. */
const FILE_MODELS = [FILES, PIECES] as const;

/** More than any tenant may have. */
const MOST = 10_000;
const RETRY_AFTER_SECONDS = 5;

/** What a tenant has uploaded: its own, even where others call their scope by its name. */
export function filesOf(tenant: string): readonly Selection[] {
  return FILE_MODELS.map((model) => ({ scope: tenant, model }));
}

/**
 * Uploaded files: entries of the stores like any other, in the scope that has the tenant's name, so that they go with it.
 * They are pinned until they expire, as linked pictures are. Their list is the catalogue's own. Each verb rejects with
 * GatewayError `unavailable` where the store does not answer.
 */
export class KeptFiles {
  readonly #shelf: Shelf;
  readonly #now: () => number;

  constructor({ shelf, now }: { readonly shelf: Shelf; readonly now: () => number }) {
    this.#shelf = shelf;
    this.#now = now;
  }

  async mayKeep(tenant: string, bytes: number): Promise<boolean> {
    return this.#shelf.mayPin(tenant, bytes);
  }

  /** The file, once it is kept until it expires; null where there is no room for it. `data`: canonical base64. */
  async put(tenant: string, file: NewFile, data: LongString): Promise<UploadedFile | null> {
    const parcel = new Parcel();
    const { digest } = await parcel.add(data);
    const contents = parcel.contents();
    const entry = {
      scope: tenant,
      model: FILES,
      head: JSON.stringify({ version: VERSION, file }),
      createdAt: file.createdAt,
      expiresAt: file.expiresAt,
      ...contents,
    };
    if (!(await this.#shelf.pin(nameOf(FILES, tenant, file.id), entry))) {
      await this.delete(tenant, file.id);
      return null;
    }
    return { ...file, digest, byteLength: contents.blobs[0]?.byteLength ?? 0 };
  }

  async find(tenant: string, id: string): Promise<UploadedFile | null> {
    const card = await this.#shelf.peek(nameOf(FILES, tenant, id));
    if (card !== null) return fileOf(card);
    // A store that is down, or late, says nothing too; its list says so. Whoever hears that there is no file sends it again.
    return (await this.list(tenant)).find((file) => file.id === id) ?? null;
  }

  async read(tenant: string, id: string): Promise<{ readonly file: UploadedFile; readonly data: LongString } | null> {
    const found = await this.#shelf.get(nameOf(FILES, tenant, id), { maxAgeSeconds: null });
    const file = found === null ? null : fileOf(found.card);
    const data = file === null ? undefined : found?.blobs.get(file.digest);
    if (file !== null && data !== undefined) return { file, data };
    // What was lost is not listed any more: what still is could not be read in time.
    if ((await this.find(tenant, id)) !== null) throw unanswered();
    return null;
  }

  /** The newest first. */
  async list(tenant: string): Promise<readonly UploadedFile[]> {
    const cards = await this.#listed(tenant, FILES);
    return cards.flatMap((card) => fileOf(card) ?? []);
  }

  async delete(tenant: string, id: string): Promise<void> {
    // Unlike what an instance gives up for itself, this is told to all who share the store.
    await this.#answering(() => this.#shelf.purge({ name: nameOf(FILES, tenant, id) }));
  }

  async putPiece({ tenant, id, endsAt }: PiecePlace, from: number, data: LongString): Promise<boolean> {
    const parcel = new Parcel();
    await parcel.add(data);
    const head = JSON.stringify({ id, from });
    const entry = { scope: tenant, model: PIECES, head, createdAt: this.#now(), expiresAt: endsAt };
    // Another instance may be sent what follows it, and memory soon has room for others: the last tier must have it.
    let isShared = false;
    await this.#shelf.put(
      nameOf(PIECES, tenant, id, from),
      { ...entry, ...parcel.contents() },
      { everywhere: true, onShared: (isKept) => (isShared = isKept) },
    );
    return isShared;
  }

  /** Bytes; null: there is none that begins there. */
  async pieceLength({ tenant, id }: PiecePlace, from: number): Promise<number | null> {
    const found = await this.#shelf.peek(nameOf(PIECES, tenant, id, from));
    // As of a file: a piece that is taken for lost for want of an answer would cut the file short.
    const head = JSON.stringify({ id, from });
    const card = found ?? (await this.#listed(tenant, PIECES)).find((other) => other.head === head);
    return card?.blobs[0]?.byteLength ?? null;
  }

  async readPiece({ tenant, id, endsAt }: PiecePlace, from: number): Promise<LongString | null> {
    const found = await this.#shelf.get(nameOf(PIECES, tenant, id, from), { maxAgeSeconds: null });
    const data = found?.blobs.values().next().value;
    if (data !== undefined) return data;
    if ((await this.pieceLength({ tenant, id, endsAt }, from)) !== null) throw unanswered();
    return null;
  }

  async deletePiece({ tenant, id }: PiecePlace, from: number): Promise<void> {
    await this.#shelf.delete(nameOf(PIECES, tenant, id, from));
  }

  #listed(tenant: string, kind: string): Promise<readonly Card[]> {
    return this.#answering(() => this.#shelf.list(tenant, kind, MOST));
  }

  async #answering<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreDown)) throw error;
      throw unanswered(error);
    }
  }
}

function unanswered(cause?: unknown): GatewayError {
  const message = 'Where files are kept nothing can be read now. None is lost: ask again in a moment.';
  const detail = { code: 'store_unavailable', retryAfterSeconds: RETRY_AFTER_SECONDS };
  return new GatewayError('unavailable', message, detail, cause);
}

function nameOf(kind: string, tenant: string, id: string, from = 0): string {
  return keyName({ scope: tenant, digest: hash('sha256', JSON.stringify([kind, tenant, id, from])) });
}

/** Null: another version wrote it. */
function fileOf({ head, blobs }: Card): UploadedFile | null {
  const { version, file } = JSON.parse(head) as { readonly version: number; readonly file: NewFile };
  const [blob] = blobs;
  return version === VERSION && blob !== undefined
    ? { ...file, digest: blob.digest, byteLength: blob.byteLength }
    : null;
}
