import { RedisFailure, script } from '../redis.ts';
import type { Redis } from '../redis.ts';
import type { LinkSigner, Secrets } from './link-signature.ts';

/** KEYS: the secret. ARGV: one to be kept where there is none. What all sign with. */
const AGREE = script(
  'link_secret',
  `#!lua
local kept = redis.call('GET', KEYS[1])
if kept then return kept end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
`,
);

const ASK_MS = 2_000;
/** A Redis that evicts, or was flushed, is told again. */
const AGREE_EVERY_MS = 60_000;
const SECRET = /^\S{32,512}$/;

export interface SharedSecretOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly signer: LinkSigner;
  /** Keeps them over a restart of this instance. */
  readonly keep: (secrets: Secrets) => Promise<void>;
  readonly onTrouble: (cause: unknown) => void;
}

/**
 * Instances that share a cache sign their links with one secret: the one that was told to their Redis first. What an
 * instance has signed with before stays good. Resolves when that was tried once; a Redis that is away is asked when it is
 * back. The function ends it.
 */
export async function shareLinkSecret(options: SharedSecretOptions): Promise<() => void> {
  const { redis, prefix, signer, keep, onTrouble } = options;
  let isEnded = false;
  const agree = async (): Promise<void> => {
    try {
      const agreed = String(await redis.run(AGREE, [`${prefix}link-secret`], [signer.secrets[0]], ASK_MS));
      if (isEnded || agreed === signer.secrets[0]) return;
      if (!SECRET.test(agreed)) throw new Error('what Redis has in the place of the secret is none');
      signer.adopt(agreed);
      await keep(signer.secrets);
    } catch (error) {
      // Of a Redis that is away others tell.
      if (!isEnded && !(error instanceof RedisFailure)) onTrouble(error);
    }
  };
  // One at a time: the answer to an earlier question must not be kept after that to a later one.
  let last = agree();
  const again = (): void => void (last = last.then(agree));
  redis.watch({ connected: again });
  const timer = setInterval(again, AGREE_EVERY_MS).unref();
  await last;
  return () => {
    isEnded = true;
    clearInterval(timer);
  };
}
