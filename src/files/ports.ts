import type { NewFile, UploadedFile } from '../image/file.ts';
import type { LongString } from '../wire/long-string.ts';

/** Where files lie. Each of its verbs rejects with GatewayError `unavailable` where that does not answer. */
export interface FileStore {
  /** Whether there is room for so many bytes that stay until they expire. */
  mayKeep(tenant: string, bytes: number): Promise<boolean>;
  /** The file, once it is as safe as can be; null where there is no room for it. `data`: canonical base64. */
  put(tenant: string, file: NewFile, data: LongString): Promise<UploadedFile | null>;
  find(tenant: string, id: string): Promise<UploadedFile | null>;
  read(tenant: string, id: string): Promise<FileWithBytes | null>;
  /** The newest first. */
  list(tenant: string): Promise<readonly UploadedFile[]>;
  delete(tenant: string, id: string): Promise<void>;
  /** A piece of a file that comes in several, from that byte on; false where there is no room for it. */
  putPiece(upload: PieceOwner, from: number, data: LongString): Promise<boolean>;
  pieceLength(upload: PieceOwner, from: number): Promise<number | null>;
  readPiece(upload: PieceOwner, from: number): Promise<LongString | null>;
  deletePiece(upload: PieceOwner, from: number): Promise<void>;
}

export interface FileWithBytes {
  readonly file: UploadedFile;
  /** Canonical base64. */
  readonly data: LongString;
}

/** Whose pieces they are, and of which file to be. */
export interface PieceOwner {
  readonly tenant: string;
  readonly id: string;
  /** Unix milliseconds: when nobody will add to them any more. */
  readonly endsAt: number;
}
