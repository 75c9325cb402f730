import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** All that is in a directory, its folders included, byte for character. */
export function bytesIn(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'))
    .join('\n');
}
