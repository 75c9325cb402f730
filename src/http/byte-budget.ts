import { GatewayError } from '../errors.ts';

/** How many bytes of bodies may be held at once; who comes too late waits in line. */
export interface ByteBudget {
  /** Null where it has to wait in line. */
  take(bytes: number): Room | null;
  /**
   * Resolves, first come first served, when so many bytes may be held. More than the whole budget is let through alone.
   * Rejects with the signal's reason when that aborts first.
   */
  acquire(bytes: number, signal?: AbortSignal): Promise<Room>;
  readonly held: number;
}

/** Bytes that may be held. */
export interface Room {
  readonly bytes: number;
  /** Gives back all but so many of them; 0 gives them all back. Never more than there are. */
  keep(bytes: number): void;
}

interface Place {
  readonly bytes: number;
  readonly enter: () => void;
}

export function createByteBudget(limitBytes: number): ByteBudget {
  const line = new Set<Place>();
  let held = 0;

  const fits = (bytes: number): boolean => held === 0 || held + bytes <= limitBytes;

  function advance(): void {
    for (const place of line) {
      if (!fits(place.bytes)) return;
      held += place.bytes;
      line.delete(place);
      place.enter();
    }
  }

  function inLine(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        line.delete(place);
        reject(signal?.reason);
        // The next one may be small enough for the room there is.
        advance();
      };
      const enter = (): void => {
        signal?.removeEventListener('abort', abandon);
        resolve();
      };
      const place = { bytes, enter };
      line.add(place);
      signal?.addEventListener('abort', abandon, { once: true });
    });
  }

  function roomOf(bytes: number): Room {
    let mine = bytes;
    return {
      get bytes() {
        return mine;
      },
      keep(wanted) {
        const given = Math.max(0, mine - wanted);
        mine -= given;
        held -= given;
        if (given > 0) advance();
      },
    };
  }

  function take(bytes: number): Room | null {
    if (line.size > 0 || !fits(bytes)) return null;
    held += bytes;
    return roomOf(bytes);
  }

  return {
    get held() {
      return held;
    },
    take,
    async acquire(bytes, signal) {
      signal?.throwIfAborted();
      const room = take(bytes);
      if (room !== null) return room;
      await inLine(bytes, signal);
      return roomOf(bytes);
    },
  };
}

/** How long a caller's body waits for its place before the caller is told to come back. */
const PATIENCE_MS = 30_000;

/** As `acquire`, for a caller's body. Throws `unavailable` when the line does not move for too long. */
export async function acquireOrRefuse(budget: ByteBudget, bytes: number, gone: AbortSignal): Promise<Room> {
  const room = budget.take(bytes);
  if (room !== null) return room;
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await budget.acquire(bytes, AbortSignal.any([patience, gone]));
  } catch (error) {
    if (!patience.aborted) throw error;
    const message = 'Too many large bodies are in the air at once. Send this one again in a moment.';
    throw new GatewayError('unavailable', message, { code: 'overloaded', retryAfterSeconds: 2 }, error);
  }
}
