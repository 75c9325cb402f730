import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { removeDrafts, writeDraft } from './disk-files.ts';
import type { DiskThread } from './disk-thread.ts';
import { placesIn } from './disk-tree.ts';
import type { Card, NewEntry } from './store.ts';

export interface DiskWriterOptions {
  readonly directory: string;
  readonly thread: DiskThread;
}

interface Reserved {
  readonly reservation: number;
  readonly isWanted: () => boolean;
}

/** Writes an entry: room first, then drafts of the blobs, and then the catalogue's thread files them. */
export class DiskWriter {
  readonly #options: DiskWriterOptions;

  constructor(options: DiskWriterOptions) {
    this.#options = options;
  }

  /** Whether it is kept; where it is not, nothing has its name. Rejects when the disk fails. */
  readonly write = async (name: string, entry: NewEntry, isWanted: () => boolean): Promise<boolean> => {
    const { thread } = this.#options;
    const { bytes: _bytes, ...card } = entry;
    const { reservation } = await thread.ask({ verb: 'reserve', name, card });
    if (typeof reservation === 'number') return this.#fill(name, entry, card, { reservation, isWanted });
    await thread.ask({ verb: 'delete', name });
    return false;
  };

  async #fill(name: string, { bytes }: NewEntry, card: Card, { reservation, isWanted }: Reserved): Promise<boolean> {
    const { thread, directory } = this.#options;
    const drafts: Record<string, string> = {};
    let isKept = false;
    try {
      for (const { digest } of card.blobs) {
        drafts[digest] = join(placesIn(directory).drafts, randomUUID());
        await writeDraft(drafts[digest], await bytes.get(digest)!.decoded());
      }
      if (isWanted()) isKept = (await thread.ask({ verb: 'file', reservation, drafts })).done === true;
      return isKept;
    } finally {
      if (!isKept) {
        await removeDrafts(Object.values(drafts));
        // What it should have replaced is out of date.
        const undone = [thread.ask({ verb: 'abandon', reservation }), thread.ask({ verb: 'delete', name })];
        void Promise.allSettled(undone);
      }
    }
  }
}
