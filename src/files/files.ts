import { randomBytes } from 'node:crypto';
import { typeOfFile } from '../image/file.ts';
import type { DescribedFile, UploadedFile } from '../image/file.ts';
import { decodedLength } from '../wire/base64.ts';
import type { LongString } from '../wire/long-string.ts';
import type { FileStore, FileWithBytes } from './ports.ts';
import { emptyFile, fileTooLarge, goneTenant, nameTaken, noRoom, tooManyBytes, tooManyFiles } from './refusals.ts';

export interface FilesOptions {
  readonly store: FileStore;
  /** Whether there is such a tenant, and it is not deleted. */
  readonly isTenant: (id: string) => boolean;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly keepMs: number;
  readonly bytesPerFile: number;
  readonly bytesPerTenant: number;
  readonly perTenant: number;
}

const ID_LENGTH = 24;
const BEGINNING = 64;

/** Files of tenants: each of its tenant alone, within its bounds, until it expires. One store for all dialects. */
export class Files {
  readonly #options: FilesOptions;
  /** By tenant: one file is added after the other, so that two of them cannot both have the last room. */
  readonly #adding = new Map<string, Promise<unknown>>();

  constructor(options: FilesOptions) {
    this.#options = options;
  }

  get bytesPerFile(): number {
    return this.#options.bytesPerFile;
  }

  get keepMs(): number {
    return this.#options.keepMs;
  }

  /** Refuses what could not be kept, before its bytes are sent. `bytes`: null where nobody has said how many. */
  async check(tenant: string, id: string | null, bytes: number | null): Promise<void> {
    const { store, bytesPerFile, bytesPerTenant, perTenant } = this.#options;
    if (bytes !== null && bytes > bytesPerFile) throw fileTooLarge(bytesPerFile);
    const files = await store.list(tenant);
    if (id !== null && files.some((file) => file.id === id)) throw nameTaken(id);
    if (files.length >= perTenant) throw tooManyFiles(perTenant);
    const kept = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (kept + (bytes ?? 1) > bytesPerTenant) throw tooManyBytes(bytesPerTenant);
    if (!(await store.mayKeep(tenant, bytes ?? 1))) throw noRoom();
  }

  /** Throws GatewayError where it cannot be kept. `data`: canonical base64. */
  async add(tenant: string, described: DescribedFile, data: LongString, upload = ''): Promise<UploadedFile> {
    const { store, now, keepMs, isTenant } = this.#options;
    const bytes = decodedLength(data);
    if (bytes === 0) throw emptyFile();
    return this.#inTurn(tenant, async () => {
      await this.check(tenant, described.id, bytes);
      const createdAt = now();
      const { id, claimed, keepMs: wanted, ...words } = described;
      const beginning = Buffer.from(data.beginning(Math.ceil(BEGINNING / 3) * 4), 'base64');
      const file = {
        ...words,
        id: id ?? newFileId(),
        upload,
        mimeType: typeOfFile(beginning, claimed, words.fileName),
        createdAt,
        expiresAt: createdAt + Math.min(wanted ?? keepMs, keepMs),
      };
      const kept = await store.put(tenant, file, data);
      if (kept === null) throw noRoom();
      // Looked at once it is filed: whoever forgets the tenant from now on finds it there.
      if (isTenant(tenant)) return kept;
      await store.delete(tenant, file.id);
      throw goneTenant();
    });
  }

  /** Null: it is none of this tenant's, or not any more. */
  find(tenant: string, id: string): Promise<UploadedFile | null> {
    return this.#options.store.find(tenant, id);
  }

  read(tenant: string, id: string): Promise<FileWithBytes | null> {
    return this.#options.store.read(tenant, id);
  }

  /** The newest first. */
  list(tenant: string): Promise<readonly UploadedFile[]> {
    return this.#options.store.list(tenant);
  }

  /** Whether there was one. */
  async delete(tenant: string, id: string): Promise<boolean> {
    if ((await this.find(tenant, id)) === null) return false;
    await this.#options.store.delete(tenant, id);
    return true;
  }

  async #inTurn<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    const before = this.#adding.get(tenant) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#adding.set(tenant, turn);
    try {
      return await turn;
    } finally {
      if (this.#adding.get(tenant) === turn) this.#adding.delete(tenant);
    }
  }
}

/** Nobody guesses one, though it is good for its own tenant alone. */
export function newFileId(): string {
  const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from(randomBytes(ID_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
}
