import { createCipheriv, hash } from 'node:crypto';
import { LongString } from '../wire/long-string.ts';

/**
 * Thought signatures, each for one part: https://ai.google.dev/gemini-api/docs/thought-signatures
 *
 * A signature is 48 bytes of its own and as many of one shared noise as its length needs, so a thousand of them cost no
 * more memory than one. The 48 bytes authenticate themselves: a signature holds across restarts, as the vendor's do.
 */
export interface Signatures {
  /**
   * base64 of exactly this length, rounded up to a multiple of four; the same subject has the same signature. `picture`:
   * the fingerprint of the one it is for; null for a text.
   */
  issue(subject: string, length: number, picture: Buffer | null): LongString;
  /** Whether these decoded bytes are a signature issued here, to the last byte; and for that picture, where it is one. */
  verify(signature: Buffer, picture: Buffer | null): 'good' | 'corrupted' | 'of_another';
}

/** What the vendor's guide offers to clients that lost a signature: the text itself, or its base64. */
const DUMMIES = ['context_engineering_is_the_way_to_go', 'skip_thought_signature_validator'];

const HEAD_BYTES = 48;
/** What it was issued for: half of a request's digest, and half of a picture's or zeros. */
const SUBJECT_BYTES = 20;
const HALF_BYTES = SUBJECT_BYTES / 2;
const SEED = Buffer.from('plantain-simulator-signatures-v1');

export function createSignatures(): Signatures {
  let noise: Buffer = Buffer.alloc(0);
  let noiseBase64: Buffer = noise;

  function growNoise(byteLength: number): void {
    if (noise.length >= byteLength) return;
    // A stream cipher's key stream: growing it keeps the bytes it had.
    const cipher = createCipheriv('aes-128-ctr', SEED.subarray(0, 16), SEED.subarray(16, 32));
    noise = cipher.update(Buffer.alloc(Math.ceil(byteLength / 3) * 3));
    noiseBase64 = Buffer.from(noise.toString('base64'), 'latin1');
  }

  function headOf(subjectDigest: Buffer, byteLength: number): Buffer {
    const head = Buffer.alloc(HEAD_BYTES);
    head[0] = 0x12; // The vendor's begin with E too.
    subjectDigest.copy(head, 4, 0, SUBJECT_BYTES);
    const sealed = Buffer.concat([SEED, head.subarray(0, 4 + SUBJECT_BYTES), Buffer.from(String(byteLength))]);
    hash('sha256', sealed, 'buffer').copy(head, 4 + SUBJECT_BYTES);
    return head;
  }

  return {
    issue(subject, length, picture) {
      const byteLength = Math.max(HEAD_BYTES, Math.ceil(length / 4) * 3);
      growNoise(byteLength - HEAD_BYTES);
      const head = headOf(Buffer.concat([half(hash('sha256', subject, 'buffer')), ofPicture(picture)]), byteLength);
      const tail = noiseBase64.subarray(0, ((byteLength - HEAD_BYTES) / 3) * 4);
      return LongString.fromBase64([Buffer.from(head.toString('base64'), 'latin1'), tail]);
    },
    verify(signature, picture) {
      if (signature.length < HEAD_BYTES) return 'corrupted';
      const head = signature.subarray(0, HEAD_BYTES);
      if (!head.equals(headOf(head.subarray(4, 4 + SUBJECT_BYTES), signature.length))) return 'corrupted';
      growNoise(signature.length - HEAD_BYTES);
      if (!noise.subarray(0, signature.length - HEAD_BYTES).equals(signature.subarray(HEAD_BYTES))) return 'corrupted';
      const signed = head.subarray(4 + HALF_BYTES, 4 + SUBJECT_BYTES);
      return picture === null || signed.equals(ofPicture(picture)) ? 'good' : 'of_another';
    },
  };
}

function half(digest: Buffer): Buffer {
  return digest.subarray(0, HALF_BYTES);
}

function ofPicture(fingerprint: Buffer | null): Buffer {
  return fingerprint === null ? Buffer.alloc(HALF_BYTES) : half(fingerprint);
}

/** Tells pictures apart by how they begin and how long they are: to hash 20 MB would keep everybody else waiting. */
export function fingerprintOf(beginning: Buffer, byteLength: number): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${byteLength}\n`), beginning.subarray(0, LOOKED_AT)]), 'buffer');
}

export const LOOKED_AT = 48 << 10;

export function isDummySignature(base64: string): boolean {
  return DUMMIES.includes(base64) || DUMMIES.includes(Buffer.from(base64, 'base64').toString());
}
