/**
 * Why a command has no reply. `down`: no connection. `late`: none within its deadline. `refused`: Redis answered with an
 * error, whose first word is `code`.
 */
export class RedisFailure extends Error {
  readonly kind: 'down' | 'late' | 'refused';
  /** Redis may have done it, or may do it yet: what must not stay done has to be undone by another command. */
  readonly maybeDone: boolean;
  /** `OOM`, `READONLY`, `NOSCRIPT`; '' where Redis did not answer. */
  readonly code: string;

  constructor(kind: RedisFailure['kind'], message: string, maybeDone: boolean, code = '') {
    super(message);
    this.name = 'RedisFailure';
    this.kind = kind;
    this.maybeDone = maybeDone;
    this.code = code;
  }
}
