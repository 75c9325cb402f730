import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { isBusy, lockDirectory, openReadOnly } from '../sqlite.ts';
import { openCatalogue } from './disk-catalogue.ts';
import { placesIn } from './disk-tree.ts';
import type { Purged, Selection, Standing } from './store.ts';

/** Whether a disk store was ever there. */
export function isStore(directory: string): boolean {
  return existsSync(placesIn(directory).catalogue);
}

/** What is kept in a disk store's directory, by scope and model, whether a gateway is running or not. */
export function standingsIn(directory: string): Standing[] {
  const file = placesIn(directory).catalogue;
  if (!existsSync(file)) return [];
  const db = openReadOnly(file);
  try {
    return db
      .prepare(
        `SELECT scope, model, count(*) AS entries, sum(bytes) AS bytes, min(created) AS oldest, sum(hits) AS hits
         FROM entry GROUP BY scope, model ORDER BY scope, model`,
      )
      .all()
      .map(({ scope, model, entries, bytes, oldest, hits }) => ({
        scope: String(scope),
        model: String(model),
        entries: Number(entries),
        bytes: Number(bytes),
        oldest: Number(oldest),
        hits: Number(hits),
      }));
  } finally {
    db.close();
  }
}

/** A gateway has the directory to itself. */
export class DirectoryTaken extends Error {
  override readonly name = 'DirectoryTaken';
}

const SLICE = 500;

/** Removes what is selected, as the gateway does. Throws while one has the data directory, in which this directory lies. */
export function purgeIn(directory: string, selection: Selection): Purged {
  if (!existsSync(placesIn(directory).catalogue)) return { entries: 0, bytes: 0 };
  const lock = lockedBy(dirname(directory));
  try {
    const unbounded = { maxBytes: Number.MAX_SAFE_INTEGER, scopeBytes: Number.MAX_SAFE_INTEGER };
    const { catalogue } = openCatalogue({ directory, ...unbounded, onEvict: () => undefined });
    try {
      let [entries, bytes] = [0, 0];
      for (let after: number | null = 0; after !== null;) {
        const slice: ReturnType<typeof catalogue.purge> = catalogue.purge(selection, after, SLICE);
        entries += slice.entries;
        bytes += slice.bytes;
        after = slice.next;
      }
      return { entries, bytes };
    } finally {
      catalogue.close();
    }
  } finally {
    lock.close();
  }
}

function lockedBy(dataDirectory: string): ReturnType<typeof lockDirectory> {
  try {
    return lockDirectory(dataDirectory);
  } catch (error) {
    if (!isBusy(error)) throw error;
    throw new DirectoryTaken(`A gateway is running in ${dataDirectory}: stop it to purge its cache.`, { cause: error });
  }
}
