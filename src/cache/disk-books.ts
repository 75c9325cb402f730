import { inTransaction, openDatabase } from '../sqlite.ts';
import type { Database } from '../sqlite.ts';
import { SCHEMA_STEPS } from './disk-schema.ts';
import { sizeOfCard, sizeOfHead } from './disk-size.ts';
import type { Card, Claim, Selection, Standing, TaskRow } from './store.ts';

/** An entry without its head and its blobs: enough to remove it. */
export interface Row {
  readonly id: number;
  readonly scope: string;
  readonly headBytes: number;
  /** With its blobs: what it counts for in its scope. */
  readonly bytes: number;
  /** 1: it stays until it expires. */
  readonly pinned: number;
}

/** As many as memory has room for. */
const MOST_CLAIMS = 20_000;
const ROW = 'id, scope, head_bytes AS headBytes, bytes, pinned';

type Value = string | number | bigint | null;

/** The rows of a disk store's catalogue and their sums. Knows no file but its own. */
export class Books {
  readonly #db: Database;
  readonly #prepared = new Map<string, ReturnType<Database['prepare']>>();
  #bytes = 0;
  #scopes = new Map<string, number>();
  #pinned = new Map<string, number>();
  #turn = 0;

  /** Throws what SQLite throws. */
  constructor(file: string) {
    // A power cut may take the last commits: then entries lack their files, or files their entries, and both are found out.
    this.#db = openDatabase(file, SCHEMA_STEPS, 'NORMAL');
    try {
      // What was forgotten must not be readable in the file any more.
      this.#db.exec('PRAGMA secure_delete = ON');
      this.#sumUp();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** Of blobs and heads. */
  get bytes(): number {
    return this.#bytes;
  }

  bytesOf(scope: string): number {
    return this.#scopes.get(scope) ?? 0;
  }

  /** Of pinned entries, of a scope or of all; each counts whole, even where it shares blobs. */
  pinnedBytes(scope?: string): number {
    if (scope !== undefined) return this.#pinned.get(scope) ?? 0;
    return this.#pinned.values().reduce((sum, bytes) => sum + bytes, 0);
  }

  /** One that has more than so many bytes, and something that may go. */
  scopeAbove(bytes: number): string | null {
    const found = this.#scopes.entries().find(([scope, has]) => has > bytes && has > this.pinnedBytes(scope));
    return found?.[0] ?? null;
  }

  close(): void {
    this.#db.close();
  }

  /** All of the work or none of it. */
  change<T>(work: () => T): T {
    try {
      return inTransaction(this.#db, work);
    } catch (error) {
      this.#sumUp();
      throw error;
    }
  }

  /** Writes all changes into the file itself, and leaves nothing of what was removed in the one beside it. */
  checkpoint(): void {
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  find(name: string): Card | null {
    const found = this.#get(
      `SELECT id, scope, model, text AS head, created AS createdAt, expires AS expiresAt, pinned
       FROM entry JOIN head ON head.entry = id WHERE name = ?`,
      name,
    );
    if (found === undefined) return null;
    const { id, pinned, ...card } = found;
    const blobs = this.#all(
      'SELECT digest, bytes AS byteLength FROM holding JOIN blob ON blob.id = blob WHERE entry = ?',
      Number(id),
    );
    return { ...card, blobs, ...(pinned === 1 && { pinned: true }) } as unknown as Card;
  }

  /** The newest first. */
  list(scope: string, model: string, most: number): Card[] {
    const query = 'SELECT name FROM entry WHERE scope = ? AND model = ? ORDER BY created DESC, id DESC LIMIT ?';
    return this.#all(query, scope, model, most).flatMap(({ name }) => this.find(String(name)) ?? []);
  }

  insert(name: string, card: Card): void {
    const { scope, model, head, createdAt, expiresAt, pinned = false } = card;
    const [headBytes, bytes] = [sizeOfHead(card), sizeOfCard(card)];
    const { lastInsertRowid: entry } = this.#run(
      `INSERT INTO entry (name, scope, model, head_bytes, bytes, created, expires, used, pinned)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      name,
      scope,
      model,
      headBytes,
      bytes,
      createdAt,
      expiresAt,
      this.#nextTurn(),
      pinned ? 1 : 0,
    );
    this.#run('INSERT INTO head (entry, text) VALUES (?, ?)', entry, head);
    for (const { digest, byteLength } of card.blobs) {
      const { id, holders } = this.#get(
        `INSERT INTO blob (digest, bytes, holders) VALUES (?, ?, 1)
         ON CONFLICT (digest) DO UPDATE SET holders = holders + 1 RETURNING id, holders`,
        digest,
        byteLength,
      )!;
      if (holders === 1) this.#bytes += byteLength;
      this.#run('INSERT INTO holding (entry, blob) VALUES (?, ?)', entry, Number(id));
    }
    this.#bytes += headBytes;
    add(this.#scopes, scope, bytes);
    if (pinned) add(this.#pinned, scope, bytes);
  }

  /** The digests that nobody holds any more. */
  remove({ id, scope, headBytes, bytes, pinned }: Row): string[] {
    const blobs = this.#all(
      `UPDATE blob SET holders = holders - 1 WHERE id IN (SELECT blob FROM holding WHERE entry = ?)
       RETURNING id, digest, bytes, holders`,
      id,
    );
    const unheld = blobs.filter(({ holders }) => holders === 0);
    for (const blob of unheld) {
      this.#run('DELETE FROM blob WHERE id = ?', Number(blob['id']));
      this.#bytes -= Number(blob['bytes']);
    }
    this.#run('DELETE FROM holding WHERE entry = ?', id);
    this.#run('DELETE FROM head WHERE entry = ?', id);
    this.#run('DELETE FROM entry WHERE id = ?', id);
    this.#bytes -= headBytes;
    add(this.#scopes, scope, -bytes);
    if (pinned === 1) add(this.#pinned, scope, -bytes);
    return unheld.map(({ digest }) => String(digest));
  }

  named(name: string): Row | null {
    return this.#rows(`SELECT ${ROW} FROM entry WHERE name = ?`, name)[0] ?? null;
  }

  /** Of those that may go. */
  leastRecentlyUsed(scope?: string): Row | null {
    const found =
      scope === undefined
        ? this.#rows(`SELECT ${ROW} FROM entry WHERE pinned = 0 ORDER BY used LIMIT 1`)
        : this.#rows(`SELECT ${ROW} FROM entry WHERE scope = ? AND pinned = 0 ORDER BY used LIMIT 1`, scope);
    return found[0] ?? null;
  }

  expired(now: number, atMost: number): Row[] {
    return this.#rows(`SELECT ${ROW} FROM entry WHERE expires <= ? LIMIT ?`, now, atMost);
  }

  /** In the order of their ids, from after `after` on. */
  selected({ name, scope, model, before }: Selection, after: number, atMost: number): Row[] {
    return this.#rows(
      `SELECT ${ROW} FROM entry WHERE id > ? AND name = ifnull(?, name) AND scope = ifnull(?, scope)
       AND model = ifnull(?, model) AND created < ifnull(?, created + 1) ORDER BY id LIMIT ?`,
      after,
      name ?? null,
      scope ?? null,
      model ?? null,
      before ?? null,
      atMost,
    );
  }

  touch(name: string, hits: number): void {
    this.#run('UPDATE entry SET used = ?, hits = hits + ? WHERE name = ?', this.#nextTurn(), hits, name);
  }

  isHeld(digest: string): boolean {
    return this.#get('SELECT 1 FROM blob WHERE digest = ?', digest) !== undefined;
  }

  /** Digests that begin with these digits. */
  heldFrom(prefix: string): Set<string> {
    // No digit of a digest comes after "f".
    const found = this.#all('SELECT digest FROM blob WHERE digest >= ? AND digest < ?', prefix, `${prefix}g`);
    return new Set(found.map(({ digest }) => String(digest)));
  }

  /** Of so many entries, from after the entry `after` on. */
  stats(after: number, atMost: number): (Standing & { readonly last: number })[] {
    return this.#all(
      `SELECT scope, model, count(*) AS entries, sum(bytes) AS bytes, min(created) AS oldest, sum(hits) AS hits, max(id) AS last
       FROM (SELECT * FROM entry WHERE id > ? ORDER BY id LIMIT ?) GROUP BY scope, model`,
      after,
      atMost,
    ) as unknown as (Standing & { last: number })[];
  }

  claim({ name, tenant, pictures, endsAt }: Claim): void {
    this.#run(
      'INSERT OR REPLACE INTO claim (name, tenant, pictures, ends) VALUES (?, ?, ?, ?)',
      name,
      tenant,
      pictures,
      endsAt,
    );
  }

  /** Those that have not ended, the first to end first. */
  claims(now: number): Claim[] {
    return this.#all(
      `SELECT name, tenant, pictures, ends AS endsAt FROM claim WHERE ends > ? ORDER BY ends DESC LIMIT ${MOST_CLAIMS}`,
      now,
    ).toReversed() as unknown as Claim[];
  }

  /** In the place of what was known of it before. */
  task({ id, tenant, record, endsAt }: TaskRow): void {
    this.#run('INSERT OR REPLACE INTO task (id, tenant, record, ends) VALUES (?, ?, ?, ?)', id, tenant, record, endsAt);
  }

  dropTask(id: string): void {
    this.#run('DELETE FROM task WHERE id = ?', id);
  }

  /** Those that have not ended. */
  tasks(now: number): TaskRow[] {
    const rows = this.#all('SELECT id, tenant, record, ends AS endsAt FROM task WHERE ends > ? ORDER BY ends', now);
    return rows as unknown as TaskRow[];
  }

  /** Of tasks too. */
  forgetClaims(now: number): void {
    this.#run('DELETE FROM claim WHERE ends <= ?', now);
    this.#run('DELETE FROM task WHERE ends <= ?', now);
    this.#run(
      `DELETE FROM claim WHERE name IN (SELECT name FROM claim ORDER BY ends DESC LIMIT -1 OFFSET ${MOST_CLAIMS})`,
    );
  }

  forgetClaimsOf(tenant: string): void {
    this.#run('DELETE FROM claim WHERE tenant = ?', tenant);
    this.#run('DELETE FROM task WHERE tenant = ?', tenant);
  }

  #nextTurn(): number {
    this.#turn += 1;
    return this.#turn;
  }

  #sumUp(): void {
    const sum = (query: string): number => Number(this.#get(query)?.['sum'] ?? 0);
    this.#bytes = sum('SELECT sum(bytes) AS sum FROM blob') + sum('SELECT sum(head_bytes) AS sum FROM entry');
    this.#turn = sum('SELECT max(used) AS sum FROM entry');
    this.#scopes = new Map();
    this.#pinned = new Map();
    const sums = this.#all('SELECT scope, pinned, sum(bytes) AS bytes FROM entry GROUP BY scope, pinned');
    for (const { scope, pinned, bytes } of sums) {
      add(this.#scopes, String(scope), Number(bytes));
      if (pinned === 1) add(this.#pinned, String(scope), Number(bytes));
    }
  }

  #prepare(query: string) {
    const statement = this.#prepared.get(query) ?? this.#db.prepare(query);
    this.#prepared.set(query, statement);
    return statement;
  }

  #run(query: string, ...values: Value[]) {
    return this.#prepare(query).run(...values);
  }

  #get(query: string, ...values: Value[]) {
    return this.#prepare(query).get(...values);
  }

  #all(query: string, ...values: Value[]) {
    return this.#prepare(query).all(...values);
  }

  #rows(query: string, ...values: Value[]): Row[] {
    return this.#all(query, ...values) as unknown as Row[];
  }
}

/** Whoever has nothing left is not listed. */
function add(sums: Map<string, number>, scope: string, bytes: number): void {
  const sum = (sums.get(scope) ?? 0) + bytes;
  if (sum > 0) sums.set(scope, sum);
  else sums.delete(scope);
}
