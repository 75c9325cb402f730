import { LRUCache } from 'lru-cache';

/** A bounded place for short texts: what Keyv's own default, a plain Map, is not. */
export interface TextStore {
  get(key: string): string | undefined;
  /** Whether it is kept. */
  set(key: string, text: string): boolean;
}

export function memoryTexts(maxBytes: number): TextStore {
  const texts = new LRUCache<string, string>({
    maxSize: maxBytes,
    // A character beyond Latin-1 makes V8 spend two bytes on every one.
    sizeCalculation: (text, key) => 2 * (key.length + text.length),
  });
  return {
    get: (key) => texts.get(key),
    set: (key, text) => texts.set(key, text).has(key),
  };
}
