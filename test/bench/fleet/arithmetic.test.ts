import { describe, expect, test } from 'vitest';
import { forecast, reach, used } from './arithmetic.ts';
import type { Bounds, Cost, Costs, KindCost, Load } from './arithmetic.ts';

const NOTHING: Cost = { commands: 0, cpuMs: 0, bytesIn: 0, bytesOut: 0 };
const NO_KIND: KindCost = { ...NOTHING, scripts: 0, changes: 0, published: 0 };

/** Of a Redis to which nothing costs anything but what is said. */
function costs(some: Partial<Costs>): Costs {
  return {
    kinds: { fresh: NO_KIND, stored: NO_KIND, memory: NO_KIND, shared: NO_KIND, joined: NO_KIND },
    megabyteIn: NOTHING,
    megabyteOut: NOTHING,
    alone: NOTHING,
    idle: NOTHING,
    saving: NO_KIND,
    read: NOTHING,
    look: NOTHING,
    heard: NOTHING,
    known: NOTHING,
    copiedCpuMs: 0,
    connections: 0,
    memory: { picture: 0, change: 0, entry: 0, tenant: 0 },
    ...some,
  };
}

function load(instances: number, some: Partial<Load['each']> = {}): Load {
  const each = { fresh: 0, stored: 0, memory: 0, shared: 0, joined: 0, ...some };
  return { instances, each, pictureBytes: 0, entries: 0, tenants: 0 };
}

const BOUNDS: Bounds = { cpuMs: 1_000, bytes: 1_000, connections: 100, memoryBytes: 1_000 };

describe('what instances cost a Redis', () => {
  test('grows with them by what they do', () => {
    const fresh = { ...NO_KIND, commands: 30, cpuMs: 0.5, bytesIn: 2_000, bytesOut: 100 };
    const given = costs({
      kinds: { ...costs({}).kinds, fresh },
      alone: { ...NOTHING, cpuMs: 2 },
      idle: { ...NOTHING, commands: 40, cpuMs: 1 },
      connections: 5,
    });
    expect(forecast(given, load(1, { fresh: 2 }))).toMatchObject({
      commands: 100,
      cpuMs: 4,
      bytesIn: 4_000,
      bytesOut: 200,
      connections: 5,
    });
    expect(forecast(given, load(10, { fresh: 2 }))).toMatchObject({ commands: 1_000, cpuMs: 22, connections: 50 });
  });

  test('grows with the square of them by what all read and hear', () => {
    const joined = { ...NO_KIND, changes: 2, published: 1 };
    const given = costs({
      kinds: { ...costs({}).kinds, joined },
      read: { ...NOTHING, bytesOut: 300 },
      heard: { ...NOTHING, bytesOut: 90 },
      copiedCpuMs: 0.1,
    });
    const one = forecast(given, load(1, { joined: 3 }));
    expect(one).toMatchObject({ changes: 6, bytesOut: 6 * 300 + 3 * 90, copyingCpuMs: 0 });
    const ten = forecast(given, load(10, { joined: 3 }));
    expect(ten).toMatchObject({ changes: 60, bytesOut: 100 * one.bytesOut });
    // Its own changes are in what a picture costs.
    expect(ten.copyingCpuMs).toBeCloseTo(54 * 0.1);
  });

  test('has more looks into the ledger where a look does not reach its end', () => {
    const fresh = { ...NO_KIND, changes: 1 };
    const given = costs({ kinds: { ...costs({}).kinds, fresh }, look: { ...NOTHING, commands: 4 } });
    expect(forecast(given, load(1, { fresh: 500 })).commands).toBe(0);
    expect(forecast(given, load(1, { fresh: 700 })).commands).toBe(8);
    expect(forecast(given, load(2, { fresh: 350 })).commands).toBe(16);
  });

  test('counts the bytes of pictures on their way in and out', () => {
    const perMegabyte = { commands: 10, cpuMs: 2, bytesIn: 1_000_000, bytesOut: 50 };
    const given = costs({ megabyteIn: perMegabyte, megabyteOut: { ...NOTHING, bytesOut: 1_000_000 } });
    const found = forecast(given, { ...load(2, { stored: 1, shared: 0.5, joined: 0.5 }), pictureBytes: 2_000_000 });
    expect(found).toMatchObject({ commands: 40, cpuMs: 8, bytesIn: 4_000_000, bytesOut: 200 + 4_000_000 });
  });

  test('tells of hits once a second, where there are any', () => {
    const given = costs({ saving: { ...NO_KIND, commands: 5, changes: 1 } });
    expect(forecast(given, load(3, { fresh: 1 }))).toMatchObject({ commands: 0, changes: 0 });
    expect(forecast(given, load(3, { memory: 100 }))).toMatchObject({ commands: 15, changes: 3 });
  });

  test('keeps pictures for a day, changes up to a million, entries and tenants', () => {
    const fresh = { ...NO_KIND, changes: 2 };
    const given = costs({
      kinds: { ...costs({}).kinds, fresh },
      memory: { picture: 1_000, change: 300, entry: 4_000, tenant: 500 },
    });
    const idle = { ...load(1), pictureBytes: 100, entries: 10, tenants: 3 };
    expect(forecast(given, idle).memoryBytes).toBe(10 * 4_100 + 3 * 500);
    expect(forecast(given, load(1, { fresh: 1 })).memoryBytes).toBe(86_400 * 1_000 + 1_000_000 * 300);
    expect(forecast(given, load(1, { fresh: 0.1 })).memoryBytes).toBeCloseTo(8_640 * 1_000 + 0.2 * 604_800 * 300);
  });
});

test('all come back who lost Redis, each with all pictures of a quarter of an hour', () => {
  const given = costs({ known: { ...NOTHING, cpuMs: 2 } });
  expect(forecast(given, load(1, { fresh: 1, stored: 1, memory: 9 })).returnSeconds).toBe(2 * 900 * 0.002);
  expect(forecast(given, load(10, { fresh: 1, stored: 1 })).returnSeconds).toBe(100 * 2 * 900 * 0.002);
});

describe('what gives out first', () => {
  const given = costs({ idle: { commands: 1, cpuMs: 5, bytesIn: 10, bytesOut: 1 }, connections: 2 });

  test('is what is used up most', () => {
    const shares = used(forecast(given, load(10)), BOUNDS);
    expect(shares[0]).toEqual(['connections', 0.2]);
    expect(Object.fromEntries(shares)).toMatchObject({ 'core of Redis': 0.05, 'network in': 0.1, 'network out': 0.01 });
  });

  test('says how many instances go', () => {
    expect(reach(given, load, BOUNDS)).toBe(50);
    expect(reach(given, load, { ...BOUNDS, connections: 1_000 })).toBe(100);
    expect(reach(given, load, { ...BOUNDS, connections: 1 })).toBe(0);
  });
});
