import { GatewayError } from '../errors.ts';

/** How many bytes of bodies may be held at once, for the whole process; who comes too late waits in line. */
export interface ByteBudget {
  /**
   * Resolves, first come first served, when so many bytes may be held; the function gives them back, once. More than the
   * whole budget is let through alone. Throws `unavailable` when the line does not move for too long.
   */
  acquire(bytes: number): Promise<() => void>;
  readonly held: number;
}

const PATIENCE_MS = 30_000;

export function createByteBudget(limit: number, patienceMs: number = PATIENCE_MS): ByteBudget {
  const line: { readonly bytes: number; readonly enter: () => void }[] = [];
  let held = 0;

  function advance(): void {
    while (line[0] !== undefined && (held === 0 || held + line[0].bytes <= limit)) {
      held += line[0].bytes;
      line.shift()!.enter();
    }
  }

  return {
    get held() {
      return held;
    },
    async acquire(bytes) {
      await new Promise<void>((enter, refuse) => {
        const place = { bytes, enter: () => (clearTimeout(timer), enter()) };
        const timer = setTimeout(() => {
          const at = line.indexOf(place);
          if (at >= 0) line.splice(at, 1);
          const message = 'Too many large bodies are in the air at once. Send this one again in a moment.';
          refuse(new GatewayError('unavailable', message, { code: 'overloaded', retryAfterSeconds: 2 }));
          advance();
        }, patienceMs);
        line.push(place);
        advance();
      });
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
