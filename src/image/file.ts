import { MIME_TYPES, sniff } from './picture.ts';

/** What a tenant uploaded, to be named in its requests until it expires. */
export interface UploadedFile extends NewFile {
  /** Of its bytes. */
  readonly byteLength: number;
  /** SHA-256 of its bytes, in lower-case hex. */
  readonly digest: string;
}

/** A file before its bytes are known. */
export interface NewFile {
  /** What `FILE_ID` allows. Each dialect writes its own word before it. */
  readonly id: string;
  /** As claimed by its caller; empty: it has none. */
  readonly fileName: string;
  readonly displayName: string;
  /** What its bytes are, where that can be told, else as claimed. */
  readonly mimeType: string;
  /** OpenAI's word for what it is for; empty: nobody said. */
  readonly purpose: string;
  /** Of the upload it came by, in steps; empty: it came in one request. A name says nothing of that: two may be begun for one. */
  readonly upload: string;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** What a caller says of its file. */
export type DescribedFile = Pick<NewFile, 'fileName' | 'displayName' | 'purpose'> & {
  /** As its caller chose it; null: any. */
  readonly id: string | null;
  /** A MIME type, believed where the bytes say nothing; empty: none. */
  readonly claimed: string;
  /** How long it is wanted, in milliseconds; null: as long as files are kept here. */
  readonly keepMs: number | null;
};

/** What Google allows its callers to choose: https://ai.google.dev/api/files#File */
export const FILE_ID = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/** A media type without its parameters, as it may stand in a header and in a data URL: https://www.rfc-editor.org/rfc/rfc6838#section-4.2 */
export const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

const UNKNOWN = 'application/octet-stream';

/** By the end of a name, for what has no mark of its own. */
const BY_ENDING: Readonly<Record<string, string>> = {
  json: 'application/json',
  jsonl: 'application/jsonl',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
};

/** The MIME type of a file: its first bytes are believed before its sender, and the sender before the file's name. */
export function typeOfFile(beginning: Uint8Array, claimed: string, fileName: string): string {
  const type = sniff(Buffer.from(beginning));
  if (type !== null) return MIME_TYPES[type];
  if (Buffer.from(beginning.subarray(0, 5)).toString('latin1') === '%PDF-') return 'application/pdf';
  const said = (claimed.split(';', 1)[0] ?? '').trim().toLowerCase();
  // Who claims a picture where there is none had better hear of it when it is used.
  if (MEDIA_TYPE.test(said) && said !== UNKNOWN) return said;
  return BY_ENDING[/\.(\w+)$/.exec(fileName)?.[1]?.toLowerCase() ?? ''] ?? UNKNOWN;
}
