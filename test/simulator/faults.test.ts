import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FAULTS, isFault } from '../../src/simulator/faults.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { FLASH, post, PRO, prompt, rawPost } from './client.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64 });
});
afterEach(() => simulator.clearRules());
afterAll(() => simulator.close());

const BODY = prompt('a fox', { seed: 7 });

describe('a rule', () => {
  it('holds for so many calls, of its model, with its words', async () => {
    simulator.rule({ fault: 'overloaded', times: 2, model: `${PRO}-preview`, promptContains: 'fox' });
    const statuses = [];
    for (const [text, model] of [
      ['a fox', FLASH],
      ['a hare', PRO],
      ['a fox', PRO],
      ['a fox', PRO],
      ['a fox', PRO],
    ] as const) {
      statuses.push((await post(simulator, prompt(text, { seed: 1 }), { model })).status);
    }
    expect(statuses).toEqual([200, 200, 503, 503, 200]);
  });

  it('is the first that matches, and the next once it is used up', async () => {
    simulator.rule({ fault: 'overloaded', times: 1 });
    simulator.rule({ fault: 'internal' });
    const statuses = [];
    for (let call = 0; call < 3; call++) statuses.push((await post(simulator, BODY)).status);
    expect(statuses).toEqual([503, 500, 500]);
  });

  it('yields to a fault named in the prompt, and that to one in the header', async () => {
    simulator.rule({ fault: 'overloaded' });
    const body = prompt('a fox simulate:internal in snow', { seed: 7 });
    expect((await post(simulator, body)).status).toBe(500);
    expect(
      (await post(simulator, body, { headers: { 'x-goog-api-key': 'k', 'x-simulator-fault': 'forbidden' } })).status,
    ).toBe(403);
  });

  it('that names no fault is told which there are', async () => {
    const { status, json } = await post(simulator, prompt('a fox simulate:nonsense'));
    expect(status).toBe(400);
    expect(json.error?.message).toMatch(/knows no fault "nonsense"\. It knows: rate-limit, /);
  });
});

describe('the catalogue', () => {
  it('has a name of lower-case words and a description for every fault', () => {
    for (const [name, { description }] of Object.entries(FAULTS)) {
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(description).not.toBe('');
    }
    expect(isFault('constructor')).toBe(false);
  });

  it('leaves the simulator well after every one of them', async () => {
    for (const name of Object.keys(FAULTS)) {
      await rawPost(simulator, BODY, { headers: { 'x-simulator-fault': `${name}=20` }, leaveAfterMs: 40 });
    }
    expect((await post(simulator, BODY)).status).toBe(200);
  });
});
