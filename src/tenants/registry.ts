import { GatewayError } from '../errors.ts';
import type { Base, BaseKey, BaseTenant } from './registry-keys.ts';
import { nameOf } from './registry-store.ts';
import type { AuditEntry, Forgotten, Loaded, RecordName, RegistryRecord, RegistryStore } from './registry-store.ts';
import { Roll } from './roll.ts';
import type { RecordOf } from './roll.ts';

/** Who wants a change, as the audit trail names it. */
export type Actor = Pick<AuditEntry, 'actor' | 'from' | 'requestId'>;

/** What a change rests on. What it looks at must be unchanged when it is written. */
export interface View {
  get<Kind extends RegistryRecord['kind']>(kind: Kind, id: string): RecordOf<Kind> | null;
  /** Keys and lines of a tenant. */
  recordsOf(tenant: string): readonly RegistryRecord[];
  /** Of the configuration. */
  baseTenant(id: string): BaseTenant | null;
  baseKey(id: string): { readonly tenant: BaseTenant; readonly key: BaseKey } | null;
  /** Whether a tenant keeps its pictures under this scope. */
  hasScope(scope: string): boolean;
  /** Whether there is such a tenant, with all that its settings name. */
  works(tenant: string): boolean;
  readonly now: number;
}

export interface Change<Reply> extends Pick<AuditEntry, 'subject' | 'before' | 'after' | 'amountNanos'> {
  readonly records: readonly RegistryRecord[];
  readonly forgets?: Forgotten | undefined;
  readonly reply: Reply;
}

export interface RegistryOptions {
  readonly store: RegistryStore;
  readonly base: Base;
  /** Unix ms. */
  readonly now: () => number;
  /** Changes of other instances could not be read; it is tried again. */
  readonly onFault: (error: unknown) => void;
}

/** How often a change is decided anew because somebody else was faster. */
const MOST_TRIES = 20;
/** Changes that wait for the one before them. */
const MOST_WAITING = 1_000;

type Seen = Map<string, RecordName & { readonly revision: number }>;

export interface ForgottenTenant {
  readonly tenant: string;
  /** Those of the cache that it had to itself. */
  readonly scopes: readonly string[];
}

/** The tenants and keys in force, and every change of those made at run time, one after the other. */
export class Registry {
  readonly roll: Roll;
  readonly #options: RegistryOptions;
  #revision = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isReading = false;
  #closed = false;
  #unread = false;
  #unwatch = (): void => undefined;
  /** Forgotten tenants that nobody was told of yet, by id. */
  readonly #forgotten = new Map<string, ForgottenTenant>();
  #tellForgotten: ((forgotten: ForgottenTenant) => void) | null = null;

  private constructor(options: RegistryOptions) {
    this.roll = new Roll(options.base);
    this.#options = options;
  }

  /**
   * Begins with what this instance knew last, where the store has it, and goes on without the store until that can be
   * asked. Rejects with GatewayError `unavailable` when there is neither.
   */
  static async open(options: RegistryOptions): Promise<Registry> {
    const registry = new Registry(options);
    const { store, onFault } = options;
    const recalled = await store.recall?.();
    if (recalled !== undefined) registry.#take(recalled);
    try {
      await registry.#read();
    } catch (error) {
      if (recalled === undefined) throw error;
      onFault(error);
    }
    registry.#unwatch = options.store.watch(() => void registry.#refresh());
    return registry;
  }

  /** From now on another configuration, in one step. Throws Error where it is none, and changes nothing. */
  rebase(base: Base): void {
    this.roll.rebase(base);
  }

  close(): void {
    this.#closed = true;
    this.#unwatch();
  }

  /**
   * From now on `tell` hears of every tenant that was forgotten, whoever did it, and first of those from before. The same
   * one may be told again, after each start too.
   */
  onForgotten(tell: (forgotten: ForgottenTenant) => void): void {
    this.#tellForgotten = tell;
    for (const forgotten of this.#forgotten.values()) tell(forgotten);
    this.#forgotten.clear();
  }

  /** What is known now, to be shown. */
  view(): View {
    return this.#view(this.#options.now(), new Map());
  }

  /**
   * Decides a change on what is known now and writes it with its row in the audit trail; what `decide` refuses is a row
   * too. Rejects with what it throws, or with GatewayError `unavailable`; then nothing was changed.
   */
  async change<Reply>(
    who: Actor,
    action: string,
    subject: string,
    decide: (view: View) => Change<Reply>,
  ): Promise<Reply> {
    if (this.#waiting >= MOST_WAITING) throw busy('Too many changes are waiting to be written.');
    this.#waiting += 1;
    const turn = this.#turn.then(() => this.#decide(who, action, subject, decide));
    this.#turn = turn.catch(() => undefined);
    return turn.finally(() => (this.#waiting -= 1));
  }

  async #decide<Reply>(
    who: Actor,
    action: string,
    refusedSubject: string,
    decide: (view: View) => Change<Reply>,
  ): Promise<Reply> {
    const { store, now } = this.#options;
    let isRefused = false;
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const seen: Seen = new Map();
      const at = now();
      try {
        const { records, reply, forgets, ...told } = decide(this.#view(at, seen));
        const audit = { at, ...who, action, ...told, result: 'done' };
        const revision = await store.write({ expected: [...seen.values()], records, audit, forgets });
        if (revision !== null) {
          this.roll.apply(records.map((record) => ({ record, revision })));
          return reply;
        }
      } catch (error) {
        // What the store could not write needs no row that it could not write either.
        if (!(error instanceof GatewayError) || error.failure === 'unavailable') throw error;
        // What is refused for want of something may have been made on another instance a moment ago.
        if (!isRefused) {
          isRefused = true;
          await this.#read();
          continue;
        }
        const result = error.detail.code ?? error.failure;
        const nothing = { before: null, after: null, amountNanos: null };
        const audit = { at, ...who, action, subject: refusedSubject, ...nothing, result };
        await store.write({ expected: [], records: [], audit });
        throw error;
      }
      await this.#read();
    }
    throw busy('Others keep changing the same tenants and keys.');
  }

  #view(now: number, seen: Seen): View {
    const { roll } = this;
    return {
      now,
      get: (kind, id) => {
        seen.set(nameOf({ kind, id }), { kind, id, revision: roll.revisionOf({ kind, id }) });
        return roll.record(kind, id);
      },
      recordsOf: (tenant) => {
        const records = roll.recordsOf(tenant);
        for (const { kind, id } of records)
          seen.set(nameOf({ kind, id }), { kind, id, revision: roll.revisionOf({ kind, id }) });
        return records;
      },
      baseTenant: (id) => roll.baseTenants.get(id) ?? null,
      baseKey: (id) => roll.baseKeys.get(id) ?? null,
      hasScope: (scope) => roll.hasScope(scope),
      works: (tenant) => roll.works(tenant),
    };
  }

  /** Others may have changed something: one reading at a time, and another where more was told meanwhile. */
  async #refresh(): Promise<void> {
    this.#unread = true;
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#unread && !this.#closed) {
      this.#unread = false;
      try {
        await this.#read();
      } catch (error) {
        if (!this.#closed) this.#options.onFault(error);
      }
    }
    this.#isReading = false;
  }

  async #read(): Promise<void> {
    this.#take(await this.#options.store.load(this.#revision));
  }

  /** Only here: before a change of our own others may have written some that were not read yet. */
  #take({ records, revision }: Loaded): void {
    // A tenant that is configured again here draws again, whoever forgot it before.
    const forgotten = records
      .filter(({ record }) => record.kind === 'tenant' && record.forgottenAt !== undefined)
      .filter(({ record }) => !this.roll.baseTenants.has(record.id))
      .map(({ record }) => ({ tenant: record.id, scopes: this.roll.ownScopes(record.id) }));
    this.roll.apply(records);
    for (const each of forgotten)
      if (this.#tellForgotten === null) this.#forgotten.set(each.tenant, each);
      else this.#tellForgotten(each);
    this.#revision = Math.max(this.#revision, revision);
  }
}

function busy(why: string): GatewayError {
  return new GatewayError('unavailable', `${why} Try again in a moment.`, { retryAfterSeconds: 1, code: 'busy' });
}
