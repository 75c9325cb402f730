import { hash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { openEmbeddedLedger } from '../../src/tenants/embedded-ledger.ts';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { verifyLedger } from '../../src/tenants/ledger-verify.ts';
import { openGate } from '../support/gate.ts';
import type { Gate } from '../support/gate.ts';
import { newDirectory, startProcess, writeConfig } from '../support/process.ts';
import type { GatewayProcess } from '../support/process.ts';
import { hold, LONG } from '../tenants/spend-history.ts';

const UPSTREAM_KEY = 'upstream-secret-7';
const KEY = 'sk-test-acme';
const COST = 58_000_000;
/** Of each kind: 8 kinds make 200. */
const KILLS = LONG ? 25 : 4;
const PATIENCE = { timeout: 60_000, interval: 5 };

let simulator: Simulator;
let gate: Gate;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64, keys: [UPSTREAM_KEY], pricing: 'reseller' });
  gate = await openGate(simulator.url);
});
beforeEach(openWide);
afterAll(async () => {
  await gate.close();
  await simulator.close();
});

function openWide(): void {
  simulator.settings.latencyMs = 50;
  gate.swallow = false;
  gate.replyBytes = Infinity;
}

/** A gateway as a process, killed and started again on one directory, with callers that never cease. */
class Victim {
  readonly #directory = newDirectory();
  #gateway: GatewayProcess | null = null;
  #asked = 0;

  get #ledger(): string {
    return join(this.#directory, 'data/ledger.db');
  }

  /** Pictures of two years ago, to be rolled up. */
  makeOld(count: number): void {
    mkdirSync(join(this.#directory, 'data'));
    const at = Date.now() - 730 * 86_400_000;
    const ledger = openEmbeddedLedger(this.#ledger, at);
    const holds = Array.from({ length: count }, () => hold([], COST));
    const ended = { nanos: COST, outcome: 'ok', pictures: 1, tokens: 1 };
    ledger.commit([
      { verb: 'reserve', holds, at },
      ...holds.map(({ id }) => ({ verb: 'settle', id, ended, at }) as const),
    ]);
    ledger.close();
  }

  async start(): Promise<void> {
    const model = 'gemini-3.1-flash-image';
    const config = writeConfig(this.#directory, {
      upstreams: [{ id: 'vendor', kind: 'gemini', baseUrl: gate.url, keyFrom: 'VENDOR_KEY' }],
      models: [{ id: model, targets: [{ upstream: 'vendor', model, price: { perImageUsd: 0.058 } }] }],
      tenants: [{ id: 'acme', keys: [{ key: KEY }], budgets: [{ limitUsd: 1_000, per: 'total' }] }],
    });
    const directory = this.#directory;
    this.#gateway = startProcess({ directory, args: ['--config', config], env: { VENDOR_KEY: UPSTREAM_KEY } });
    await this.#gateway.ready();
  }

  /** The name of a picture nobody asked for before: its prompt, and its end user in the ledger. */
  name(): string {
    return `picture ${(this.#asked += 1)} of ${this.#directory}`;
  }

  /** Whether the answer came whole. */
  async ask(name = this.name()): Promise<boolean> {
    try {
      const reply = await fetch(`${this.#gateway!.url}/v1/images/generations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ prompt: name, image_size: '512', user: name }),
      });
      return (await reply.json()) !== null && reply.status === 200;
    } catch {
      return false;
    }
  }

  /** Asks and never reads the answer. */
  async askAndNeverRead(name: string): Promise<void> {
    const body = JSON.stringify({ prompt: name, image_size: '2K', user: name });
    const socket = connect(this.#gateway!.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    const head = `POST /v1/images/generations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json`;
    socket.write(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    await this.#gateway!.ended.finally(() => socket.destroy());
  }

  async begin(load: number, signal: AbortSignal): Promise<void> {
    await Promise.all(
      Array.from({ length: load }, async () => {
        while (!signal.aborted) if (!(await this.ask())) await sleep(5);
      }),
    );
  }

  signal(name: NodeJS.Signals): void {
    this.#gateway!.kill(name);
  }

  get said(): string {
    return this.#gateway!.stdout();
  }

  get ended(): Promise<unknown> {
    return this.#gateway!.ended;
  }

  query(sql: string, ...words: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
    const db = new DatabaseSync(this.#ledger, { readOnly: true, timeout: 60_000 });
    try {
      return db.prepare(sql).all(...words);
    } finally {
      db.close();
    }
  }

  stateOf(name: string): unknown {
    const sql = 'SELECT state FROM hold JOIN attribution AS who ON who.id = attribution WHERE user = ?';
    return this.query(sql, name)[0]?.['state'];
  }

  /** From now on nothing can be written to the ledger, until the function is called. */
  freeze(): () => void {
    const stranger = new DatabaseSync(this.#ledger, { timeout: 60_000 });
    stranger.exec('BEGIN IMMEDIATE');
    return () => stranger.close();
  }

  /** What must be true after a restart, whatever happened before: the simulator's own bill is the witness. */
  check(): void {
    const db = openLedgerReader(this.#ledger);
    expect(verifyLedger(db)).toMatchObject({ drifts: [], driftNanos: 0n });
    db.close();
    expect(this.query('SELECT coalesce(sum(held), 0) AS held FROM account')).toEqual([{ held: 0 }]);
    expect(this.query("SELECT count(*) AS count FROM hold WHERE state = 'held'")).toEqual([{ count: 0 }]);
    const billed = new Map<string, number>();
    const digests = new Map(simulator.calls.map(({ number, promptDigest }) => [number, promptDigest]));
    for (const { call, nanoUsd } of simulator.bill.entries) {
      const digest = digests.get(call) ?? '';
      billed.set(digest, (billed.get(digest) ?? 0) + nanoUsd);
    }
    const holds = this
      .query(`SELECT user, outcome, charged, worst FROM hold JOIN attribution AS who ON who.id = attribution
      WHERE user <> ''`);
    for (const { user, outcome, charged, worst } of holds) {
      const bill = billed.get(hash('sha256', String(user))) ?? 0;
      // What is not unknown is the bill to the nano-dollar, and what is unknown is no less than it.
      if (outcome === 'unknown') expect([charged, bill <= COST]).toEqual([worst, true]);
      else expect(charged, String(outcome)).toBe(bill);
    }
    // Nothing was billed that no money was set aside for.
    const known = new Set(holds.map(({ user }) => hash('sha256', String(user))));
    for (let picture = 1; picture <= this.#asked; picture += 1) {
      const digest = hash('sha256', `picture ${picture} of ${this.#directory}`);
      if ((billed.get(digest) ?? 0) > 0) expect(known.has(digest)).toBe(true);
    }
  }
}

/** Brings a gateway to one point of a picture's way, and says what the ledger must call the picture after a restart. */
type Point = (victim: Victim, name: string) => Promise<readonly unknown[]>;

const POINTS: Readonly<Record<string, Point>> = {
  async 'before the reservation is committed'(victim, name) {
    const thaw = victim.freeze();
    void victim.ask(name);
    await sleep(20 + Math.random() * 150);
    victim.signal('SIGKILL');
    await victim.ended;
    thaw();
    return [undefined];
  },
  async 'between reservation and dispatch'(victim, name) {
    gate.swallow = true;
    void victim.ask(name);
    await expect.poll(() => victim.stateOf(name), PATIENCE).toBe('held');
    return ['expired'];
  },
  async 'after the upstream has the request'(victim, name) {
    simulator.settings.latencyMs = 60_000;
    void victim.ask(name);
    const digest = hash('sha256', name);
    await expect.poll(() => simulator.calls.some(({ promptDigest }) => promptDigest === digest), PATIENCE).toBe(true);
    return ['expired'];
  },
  async 'while the body of the reply arrives'(victim, name) {
    gate.replyBytes = 2_000;
    const before = simulator.bill.entries.length;
    const { passed } = gate;
    void victim.ask(name);
    const digest = hash('sha256', name);
    await expect
      .poll(() => simulator.calls.some((call) => call.promptDigest === digest && call.answered !== null), PATIENCE)
      .toBe(true);
    await expect.poll(() => gate.passed, PATIENCE).toBeGreaterThan(passed);
    expect(simulator.bill.entries.length).toBeGreaterThan(before);
    return ['expired'];
  },
  async 'between reply and settlement'(victim, name) {
    simulator.settings.latencyMs = 500;
    const answered = victim.ask(name);
    await expect.poll(() => victim.stateOf(name), PATIENCE).toBe('held');
    const thaw = victim.freeze();
    const landed = victim.stateOf(name) === 'held';
    expect(await answered).toBe(true);
    victim.signal('SIGKILL');
    await victim.ended;
    thaw();
    return [landed ? 'expired' : 'settled'];
  },
  async 'between settlement and answer'(victim, name) {
    void victim.askAndNeverRead(name);
    await expect.poll(() => victim.stateOf(name), PATIENCE).toBe('settled');
    return ['settled'];
  },
  async 'during the close'(victim, name) {
    simulator.settings.latencyMs = 300;
    void victim.ask(name);
    await expect.poll(() => victim.stateOf(name), PATIENCE).toBe('held');
    victim.signal('SIGTERM');
    await expect.poll(() => victim.said, PATIENCE).toContain('"msg":"draining"');
    await sleep(Math.random() * 400);
    return ['expired', 'settled'];
  },
  async 'during a roll-up'(victim, name) {
    const rolled = () => Number(victim.query('SELECT count(*) AS count FROM rollup')[0]?.['count']);
    const before = rolled();
    void victim.ask(name);
    await expect.poll(rolled, PATIENCE).toBeGreaterThan(before + 1);
    return [undefined, 'expired', 'settled'];
  },
};

test.each(Object.entries(POINTS))(
  `I9: ${KILLS} times kill -9 %s, under load: the ledger differs from the vendor’s bill by what is unknown, and nothing stays held`,
  async (point, reach) => {
    const victim = new Victim();
    if (point.includes('roll-up')) victim.makeOld(KILLS * 400);
    await victim.start();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const ceased = new AbortController();
      const load = victim.begin(3, ceased.signal);
      const name = victim.name();
      const states = await reach(victim, name);
      victim.signal('SIGKILL');
      await victim.ended;
      ceased.abort();
      await load;
      openWide();
      await victim.start();
      expect(states).toContain(victim.stateOf(name));
      victim.check();
      expect(await victim.ask()).toBe(true);
    }
    victim.signal('SIGTERM');
    await victim.ended;
    victim.check();
  },
  LONG ? 1_800_000 : 300_000,
);
