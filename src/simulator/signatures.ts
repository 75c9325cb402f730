import { createCipheriv, hash } from 'node:crypto';
import { LongString } from '../wire/long-string.ts';

/**
 * Thought signatures: https://ai.google.dev/gemini-api/docs/thought-signatures
 *
 * A signature is 48 bytes of its own and as many of one shared noise as its length needs, so a thousand of them cost no
 * more memory than one. The 48 bytes authenticate themselves: a signature holds across restarts, as the vendor's do.
 */
export interface Signatures {
  /** base64 of exactly this length, rounded up to a multiple of four; the same subject has the same signature. */
  issue(subject: string, length: number): LongString;
  /** Whether these decoded bytes are a signature issued here, to the last byte. */
  verify(signature: Buffer): boolean;
}

/** What the vendor's guide offers to clients that lost a signature: the text itself, or its base64. */
const DUMMIES = ['context_engineering_is_the_way_to_go', 'skip_thought_signature_validator'];

const HEAD_BYTES = 48;
const SUBJECT_BYTES = 20;
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
    issue(subject, length) {
      const byteLength = Math.max(HEAD_BYTES, Math.ceil(length / 4) * 3);
      growNoise(byteLength - HEAD_BYTES);
      const head = headOf(hash('sha256', subject, 'buffer'), byteLength);
      const tail = noiseBase64.subarray(0, ((byteLength - HEAD_BYTES) / 3) * 4);
      return LongString.fromBase64([Buffer.from(head.toString('base64'), 'latin1'), tail]);
    },
    verify(signature) {
      if (signature.length < HEAD_BYTES) return false;
      const head = signature.subarray(0, HEAD_BYTES);
      if (!head.equals(headOf(head.subarray(4, 4 + SUBJECT_BYTES), signature.length))) return false;
      growNoise(signature.length - HEAD_BYTES);
      return noise.subarray(0, signature.length - HEAD_BYTES).equals(signature.subarray(HEAD_BYTES));
    },
  };
}

export function isDummySignature(base64: string): boolean {
  return DUMMIES.includes(base64) || DUMMIES.includes(Buffer.from(base64, 'base64').toString());
}
