import { createHmac, timingSafeEqual } from 'node:crypto';

/** What is signed: a link to a picture, or the id of an upload. None of them can pass for another. */
export type Signed = 'link' | 'upload';

/** What links are signed with and for: https://www.rfc-editor.org/rfc/rfc2104, with SHA-256 */
export interface LinkSigner {
  /** `expires`: Unix seconds. base64url, 43 characters. */
  sign(what: Signed, id: string, expires: number): string;
  isGenuine(what: Signed, id: string, expires: number, signature: string): boolean;
  /** What it signs with, and before that has. */
  readonly secrets: Secrets;
  /** Signs with that one from now on. */
  adopt(secret: string): void;
}

export type Secrets = readonly [current: string, ...previous: string[]];

/** Whoever changes its secret more often than that within an hour makes its oldest links bad. */
const MOST_SECRETS = 8;

/** The first secret signs; links signed with one of the others are still good, so that a secret can be changed. */
export function createLinkSigner(given: Secrets): LinkSigner {
  let secrets = given;
  const digest = (secret: string, what: Signed, id: string, expires: number): string =>
    createHmac('sha256', secret).update(`plantain ${what} 1\n${id}\n${expires}`).digest('base64url');
  return {
    sign: (what, id, expires) => digest(secrets[0], what, id, expires),
    isGenuine(what, id, expires, signature) {
      const given = Buffer.from(signature);
      return secrets.some((secret) => {
        const right = Buffer.from(digest(secret, what, id, expires));
        return given.length === right.length && timingSafeEqual(given, right);
      });
    },
    get secrets() {
      return secrets;
    },
    adopt(secret) {
      const others = secrets.filter((other) => other !== secret);
      secrets = [secret, ...others.slice(0, MOST_SECRETS - 1)];
    },
  };
}
