import type { Config } from '../config.ts';
import { Files } from '../files/files.ts';
import { Uploads } from '../files/uploads.ts';
import type { FileRouteParts } from '../http/files.ts';
import type { Roll } from '../tenants/roll.ts';
import type { CacheParts } from './cache.ts';

/** What tenants upload, over the stores of the cache. */
export function openFiles(
  { keepSeconds, ...bounds }: Config['files'],
  { files: store, signer }: Pick<CacheParts, 'files' | 'signer'>,
  { roll, now }: { readonly roll: Roll; readonly now: () => number },
): FileRouteParts {
  const isTenant = (id: string): boolean => roll.has(id);
  const files = new Files({ ...bounds, store, now, keepMs: keepSeconds * 1000, isTenant });
  return {
    files,
    uploads: new Uploads({
      files,
      store,
      isTenant,
      now,
      signer: {
        sign: (text, expires) => signer.sign('upload', text, expires),
        isGenuine: (text, expires, signature) => signer.isGenuine('upload', text, expires, signature),
      },
    }),
    callerOf: (tenant, keyId) => roll.caller(tenant, keyId, now()),
  };
}
