import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import { createRemotePictures } from '../remote/fetch.ts';
import type { RemoteOptions, RemotePictures } from '../remote/fetch.ts';

/** What stands for the web, in tests. */
export type Web = Pick<RemoteOptions, 'resolve' | 'web'>;

/** Null: remote pictures are switched off. */
export function openRemote(
  { enabled, ...bounds }: Config['remoteImages'],
  metrics: Pick<Metrics, 'remotePicture'>,
  web: Web = {},
): RemotePictures | null {
  return enabled ? createRemotePictures({ ...bounds, ...web, onEnd: metrics.remotePicture }) : null;
}
