import { decodeBase64, decodedLength } from '../wire/base64.ts';
import { Base64Writer } from '../wire/base64-writer.ts';
import type { LongString } from '../wire/long-string.ts';
import type { DescribedFile, UploadedFile } from '../image/file.ts';
import { nextTurn } from '../wire/turns.ts';
import { newFileId } from './files.ts';
import type { Files } from './files.ts';
import type { FileStore, PieceOwner } from './ports.ts';
import { fileTooLarge, noRoom, oddPiece, unknownUpload, wrongLength, wrongOffset } from './refusals.ts';

/** Who signs the ids of uploads, which are all their sender has to show. */
export interface UploadSigner {
  /** `expires`: Unix seconds. base64url. */
  sign(text: string, expires: number): string;
  isGenuine(text: string, expires: number, signature: string): boolean;
}

export interface UploadsOptions {
  readonly files: Files;
  readonly store: FileStore;
  /** As of `FilesOptions`. */
  readonly isTenant: (id: string) => boolean;
  readonly signer: UploadSigner;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** An upload that was begun: all that is known of it is in its id, so that any instance, and one that was restarted, goes on with it. */
export interface Upload extends PieceOwner {
  /** Of the key it was begun with: for the log. */
  readonly keyId: string;
  /** Its own: another upload may have been begun for the same name. */
  readonly nonce: string;
  readonly described: DescribedFile & { readonly id: string };
  /** As announced; null: nobody has said. */
  readonly byteLength: number | null;
}

/** Every piece but the last is a multiple of it, as at Google: so a file comes in some hundred at most. */
export const GRANULARITY = 256 << 10;
const LIFE_MS = 60 * 60_000;

/** Files that come in pieces: https://ai.google.dev/api/files#method:-media.upload */
export class Uploads {
  readonly #options: UploadsOptions;

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  /** The id of a new one. Throws GatewayError where the file could not be kept. */
  async begin(
    owner: { tenant: string; keyId: string },
    described: DescribedFile,
    byteLength: number | null,
  ): Promise<string> {
    const { files, signer, now } = this.#options;
    await files.check(owner.tenant, described.id, byteLength);
    const expires = Math.floor((now() + LIFE_MS) / 1000);
    const id = described.id ?? newFileId();
    const upload = { ...owner, nonce: newFileId(), described: { ...described, id }, byteLength, expires };
    const text = Buffer.from(JSON.stringify(upload)).toString('base64url');
    return `${text}.${signer.sign(text, expires)}`;
  }

  /** Throws `forbidden` for what was not begun here, and for what has ended. */
  open(uploadId: string): Upload {
    const { signer, now } = this.#options;
    const [text = '', signature = '', ...more] = uploadId.split('.');
    const begun = more.length === 0 ? parsed(text) : null;
    if (begun === null || !signer.isGenuine(text, begun.expires, signature)) throw unknownUpload();
    if (now() >= begun.expires * 1000) throw unknownUpload();
    const { expires, ...upload } = begun;
    // Pieces are its own: another upload for the same name has others.
    return { ...upload, id: upload.nonce, endsAt: expires * 1000 };
  }

  /** What has become of it; null: it has not ended. */
  async finished(upload: Upload): Promise<UploadedFile | null> {
    const file = await this.#options.files.find(upload.tenant, upload.described.id);
    return file?.upload === upload.nonce ? file : null;
  }

  /** How many bytes have come. */
  async received(upload: Upload): Promise<number> {
    let at = 0;
    for (let length = await this.#lengthAt(upload, at); length !== null; length = await this.#lengthAt(upload, at))
      at += length;
    return at;
  }

  /** Throws GatewayError where the piece does not follow those before it. How many bytes have come with it. */
  async add(upload: Upload, from: number, piece: LongString): Promise<number> {
    const byteLength = decodedLength(piece);
    if (byteLength === 0 || byteLength % GRANULARITY !== 0) throw oddPiece(GRANULARITY);
    await this.#checkOffset(upload, from);
    const { files, store, isTenant } = this.#options;
    if (from + byteLength > (upload.byteLength ?? files.bytesPerFile)) throw fileTooLarge(files.bytesPerFile);
    // What cannot be kept was not received: its sender asks how much was, and sends it again.
    if (!(await store.putPiece(upload, from, piece))) throw noRoom();
    if (!isTenant(upload.tenant)) {
      await store.deletePiece(upload, from);
      throw unknownUpload();
    }
    return from + byteLength;
  }

  /** The whole file, with its last bytes. Told twice, as by a sender that missed the answer, it is the same file. */
  async finish(upload: Upload, from: number, last: LongString): Promise<UploadedFile> {
    const { files } = this.#options;
    const byteLength = from + decodedLength(last);
    const before = await this.finished(upload);
    if (before?.byteLength === byteLength) return before;
    if (upload.byteLength !== null && byteLength !== upload.byteLength)
      throw wrongLength(upload.byteLength, byteLength);
    if (byteLength > files.bytesPerFile) throw fileTooLarge(files.bytesPerFile);
    try {
      const file = await files.add(
        upload.tenant,
        upload.described,
        await this.#whole(upload, from, last),
        upload.nonce,
      );
      await this.cancel(upload);
      return file;
    } catch (error) {
      // Told twice at once, by a sender that did not wait for the answer: the other was faster.
      const other = await this.finished(upload);
      if (other?.byteLength === byteLength) return other;
      throw error;
    }
  }

  /** No piece of it is kept. */
  async cancel(upload: Upload): Promise<void> {
    let at = 0;
    for (let length = await this.#lengthAt(upload, at); length !== null; length = await this.#lengthAt(upload, at)) {
      await this.#options.store.deletePiece(upload, at);
      at += length;
    }
  }

  #lengthAt(upload: Upload, at: number): Promise<number | null> {
    return this.#options.store.pieceLength(upload, at);
  }

  async #checkOffset(upload: Upload, from: number): Promise<void> {
    let at = 0;
    while (at < from) {
      const length = await this.#lengthAt(upload, at);
      if (length === null) break;
      at += length;
    }
    if (at !== from) throw wrongOffset(at);
  }

  /** What came before that byte, and the rest. */
  async #whole(upload: Upload, end: number, last: LongString): Promise<LongString> {
    if (end === 0) return last;
    const whole = new Base64Writer();
    while (whole.byteLength < end) {
      const piece = await this.#options.store.readPiece(upload, whole.byteLength);
      if (piece === null) break;
      await pushAll(whole, await decodeBase64(piece));
    }
    if (whole.byteLength !== end) throw wrongOffset(whole.byteLength);
    await pushAll(whole, await decodeBase64(last));
    return whole.end();
  }
}

/** Written at a stretch: a millisecond or two. */
const STRETCH_BYTES = 1 << 20;

async function pushAll(writer: Base64Writer, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += STRETCH_BYTES) {
    writer.push(bytes.subarray(at, at + STRETCH_BYTES));
    await nextTurn();
  }
}

type Begun = Omit<Upload, 'id' | 'endsAt'> & { readonly expires: number };

/** What is signed was written here; what is none of that is found out by its signature. */
function parsed(text: string): Begun | null {
  try {
    const begun = JSON.parse(Buffer.from(text, 'base64url').toString()) as Partial<Begun> | null;
    return typeof begun?.expires === 'number' ? (begun as Begun) : null;
  } catch {
    return null;
  }
}
