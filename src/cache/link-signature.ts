import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a link is signed with and for: https://www.rfc-editor.org/rfc/rfc2104, with SHA-256 */
export interface LinkSigner {
  /** `expires`: Unix seconds. base64url, 43 characters. */
  sign(id: string, expires: number): string;
  isGenuine(id: string, expires: number, signature: string): boolean;
}

/** The first secret signs; links signed with one of the others are still good, so that a secret can be changed. */
export function createLinkSigner([current, ...previous]: readonly [string, ...string[]]): LinkSigner {
  const digest = (secret: string, id: string, expires: number): string =>
    // One secret may sign other things some day: none of them can pass for a link.
    createHmac('sha256', secret).update(`plantain link 1\n${id}\n${expires}`).digest('base64url');
  return {
    sign: (id, expires) => digest(current, id, expires),
    isGenuine(id, expires, signature) {
      const given = Buffer.from(signature);
      return [current, ...previous].some((secret) => {
        const right = Buffer.from(digest(secret, id, expires));
        return given.length === right.length && timingSafeEqual(given, right);
      });
    },
  };
}
