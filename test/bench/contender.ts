/** How it can be asked for a picture. */
export type Speech = 'gemini' | 'images' | 'chat';

/** One of those that are compared: before the same vendor as all. */
export interface Contender {
  readonly name: string;
  readonly url: string;
  readonly speaks: readonly Speech[];
  /** What it wants beside the request itself. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of all its processes; none: what it costs is not told. */
  readonly pids: () => readonly number[];
}
