import { GatewayError } from '../errors.ts';

/** How many bytes of bodies may be held at once; who comes too late waits in line. */
export interface ByteBudget {
  /**
   * Resolves, first come first served, when so many bytes may be held; the function gives them back, once. More than the
   * whole budget is let through alone. Rejects with the signal's reason when that aborts first.
   */
  acquire(bytes: number, signal?: AbortSignal): Promise<() => void>;
  readonly held: number;
}

interface Place {
  readonly bytes: number;
  readonly enter: () => void;
}

export function createByteBudget(limitBytes: number): ByteBudget {
  const line = new Set<Place>();
  let held = 0;

  function advance(): void {
    for (const place of line) {
      if (held > 0 && held + place.bytes > limitBytes) return;
      held += place.bytes;
      line.delete(place);
      place.enter();
    }
  }

  return {
    get held() {
      return held;
    },
    async acquire(bytes, signal) {
      signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const place = { bytes, enter: resolve };
      const abandon = (): void => {
        if (!line.delete(place)) return;
        reject(signal?.reason);
        // The next one may be small enough for the room there is.
        advance();
      };
      line.add(place);
      signal?.addEventListener('abort', abandon, { once: true });
      advance();
      try {
        await promise;
      } finally {
        signal?.removeEventListener('abort', abandon);
      }
      let returned = false;
      return () => {
        if (returned) return;
        returned = true;
        held -= bytes;
        advance();
      };
    },
  };
}

/** How long a caller's body waits for its place before the caller is told to come back. */
const PATIENCE_MS = 30_000;

/** As `acquire`, for a caller's body. Throws `unavailable` when the line does not move for too long. */
export async function acquireOrRefuse(budget: ByteBudget, bytes: number): Promise<() => void> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    return await budget.acquire(bytes, patience);
  } catch (error) {
    if (!patience.aborted) throw error;
    const message = 'Too many large bodies are in the air at once. Send this one again in a moment.';
    throw new GatewayError('unavailable', message, { code: 'overloaded', retryAfterSeconds: 2 }, error);
  }
}
