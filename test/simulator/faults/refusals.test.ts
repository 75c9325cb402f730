import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../../src/simulator/faults.ts';
import { startSimulator } from '../../../src/simulator/server.ts';
import type { Simulator } from '../../../src/simulator/server.ts';
import { post, prompt, rawPost } from '../client.ts';
import type { Answer } from '../client.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ signatureBytes: 64 });
});
afterAll(() => simulator.close());

const BODY = prompt('a fox', { seed: 7 });
const named = (fault: Fault | `${Fault}=${number}`): { headers: Record<string, string> } => ({
  headers: { 'x-goog-api-key': 'k', 'x-simulator-fault': fault },
});
const show = (fault: Fault): Promise<Answer> => post(simulator, BODY, named(fault));

describe('a fault that is an answer', () => {
  it.each([
    ['rate-limit', 429, 'RESOURCE_EXHAUSTED'],
    ['daily-quota', 429, 'RESOURCE_EXHAUSTED'],
    ['limit-zero', 429, 'RESOURCE_EXHAUSTED'],
    ['capacity-429', 429, 'RESOURCE_EXHAUSTED'],
    ['signature-refused', 400, 'INVALID_ARGUMENT'],
    ['overloaded', 503, 'UNAVAILABLE'],
    ['internal', 500, 'INTERNAL'],
    ['deadline', 504, 'DEADLINE_EXCEEDED'],
    ['cancelled', 499, 'CANCELLED'],
    ['unauthorized', 401, 'UNAUTHENTICATED'],
    ['key-invalid', 400, 'INVALID_ARGUMENT'],
    ['forbidden', 403, 'PERMISSION_DENIED'],
    ['service-disabled', 403, 'PERMISSION_DENIED'],
    ['model-gone', 404, 'NOT_FOUND'],
    ['location', 400, 'FAILED_PRECONDITION'],
  ] as const)('%s is the %i of the vendor', async (fault, status, word) => {
    const before = simulator.bill.entries.length;
    const answer = await show(fault);
    expect(answer.status).toBe(status);
    expect(answer.json.error).toMatchObject({ code: status, status: word });
    expect(answer.headers.get('content-type')).toBe('application/json; charset=UTF-8');
    expect(simulator.bill.entries).toHaveLength(before);
    expect(simulator.calls.at(-1)?.answered).toMatchObject({ status, fault });
  });

  it('tells how long to wait, of which quota, in details', async () => {
    const details = JSON.stringify((await show('rate-limit')).json.error?.details);
    expect(details).toContain('"retryDelay":"12s"');
    expect(details).toContain('PerMinute');
    expect(JSON.stringify((await show('daily-quota')).json.error?.details)).toContain('PerDay');
    expect(JSON.stringify((await show('limit-zero')).json.error)).toMatch(/limit: 0,.*"quotaValue":"0"/);
    expect(JSON.stringify((await show('capacity-429')).json.error?.details)).toContain('MODEL_CAPACITY_EXHAUSTED');
  });

  it.each([
    ['bad-gateway-html', 502, /^<!DOCTYPE html>/, 'text/html; charset=UTF-8'],
    ['too-large', 413, /^<!DOCTYPE html>/, 'text/html; charset=UTF-8'],
    ['html-200', 200, /^<!DOCTYPE html>/, 'text/html; charset=UTF-8'],
    ['empty-200', 200, /^$/, 'application/json; charset=UTF-8'],
    ['empty-204', 204, /^$/, null],
    ['empty-error', 500, /^$/, null],
    ['redirect', 302, /^$/, null],
    ['error-200', 200, /"code": 500/, 'application/json; charset=UTF-8'],
    ['error-array', 503, /^\[\s+\{\s+"error"/, 'application/json; charset=UTF-8'],
    ['reseller-error', 503, /"type": "new_api_error"/, 'application/json; charset=UTF-8'],
  ] as const)('%s is %i with what does not belong there', async (fault, status, body, type) => {
    const answer = await show(fault);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(body);
    expect(answer.headers.get('content-type')).toBe(type);
  });

  it('redirect shows in the calls who followed it', async () => {
    const { headers } = await show('redirect');
    await fetch(new URL(headers.get('location') ?? '', simulator.url), { method: 'POST' });
    expect(simulator.calls.at(-1)).toMatchObject({ path: '/simulator/redirected', method: 'POST' });
  });

  it('gzip-bomb is small and unpacks to 64 MB', async () => {
    const { byteLength, text } = await rawPost(simulator, BODY, {
      headers: { 'x-simulator-fault': 'gzip-bomb', connection: 'close' },
    });
    expect(byteLength).toBeLessThan(100_000);
    expect(text).toContain('content-encoding: gzip');
  });
});
