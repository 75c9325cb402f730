import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLedgerReader } from '../../src/tenants/ledger-reader.ts';
import { readUnknowns } from '../../src/tenants/ledger-unknowns.ts';
import { admin } from '../support/admin.ts';
import type { Told } from '../support/admin.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ admin: true, simulator: { signatureBytes: 64 } });
});
afterAll(() => gateway.close());

const ask = (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Told> =>
  admin(gateway.adminUrl, method, path, body, headers);

describe('the audit trail', () => {
  test('has a row for each change and each refusal, newest first, and says who, what and whence', async () => {
    const made = await ask('POST', '/admin/tenants', { id: 'audited', creditUsd: 3 });
    await ask('PATCH', '/admin/tenants/audited', { models: ['nano-banana-2'] });
    await ask('POST', '/admin/credit', { tenant: 'audited', usd: 2 });
    await ask('POST', '/admin/credit', { tenant: 'audited', usd: 'much' });
    await ask('DELETE', '/admin/tenants/nobody');
    const { body } = await ask('GET', '/admin/audit?limit=5');
    expect(body['audit']).toMatchObject([
      { action: 'tenant.delete', subject: 'tenant nobody', result: 'not_found', before: null, after: null },
      { action: 'credit.add', subject: 'tenant audited', result: 'invalid_settings', amountUsd: null },
      { action: 'credit.add', result: 'done', amountUsd: 2, before: { creditUsd: 3 }, after: { creditUsd: 5 } },
      { action: 'tenant.change', before: {}, after: { models: ['gemini-3.1-flash-image'] } },
      {
        action: 'tenant.create',
        actor: expect.stringMatching(/^admin:[0-9a-f]{8}$/),
        from: '127.0.0.1',
        requestId: made.headers.get('x-request-id'),
        amountUsd: 3,
      },
    ]);
    const page = await ask('GET', '/admin/audit?limit=1&subject=tenant%20audited');
    const next = await ask('GET', `/admin/audit?limit=1&subject=tenant%20audited&before=${String(page.body['next'])}`);
    expect(next.body['audit']).toMatchObject([{ amountUsd: 2 }]);
  });

  test('has a row for each adjustment that was refused too', async () => {
    const adjustments = ['0123', '4567'].map((hold) => ({ id: `bill-${hold}`, hold, usd: 1, reason: 'bill 7' }));
    const { status, body: told } = await ask('POST', '/admin/ledger/adjust', { adjustments });
    expect([status, told['adjustments']]).toMatchObject([
      200,
      [{ refused: expect.stringMatching(/no hold/) }, { refused: expect.stringMatching(/no hold/) }],
    ]);
    const { body } = await ask('GET', '/admin/audit?limit=2');
    const refused = { action: 'ledger.adjust', subject: 'ledger', result: 'invalid_request', after: null };
    expect(body['audit']).toMatchObject([refused, refused]);
  });

  test('holds no word of what was refused: it might be a key', async () => {
    const secret = 'sk-plantain-pasted-in-the-wrong-place-0123456789';
    await ask('POST', '/admin/tenants', { id: secret });
    await ask('POST', '/admin/keys', { tenant: secret });
    await ask('POST', `/admin/keys/${secret}/revoke`);
    await ask('POST', '/admin/credit', { key: secret, usd: 1 });
    await ask('POST', '/admin/ledger/refund', { holds: [secret] });
    const { body } = await ask('GET', '/admin/audit?limit=5');
    expect((body['audit'] as readonly unknown[]).length).toBe(5);
    expect(JSON.stringify(body)).not.toContain('pasted');
    expect(gateway.logged()).not.toContain('pasted');
  });
});

test('200 top-ups at once are all there, each with its row', async () => {
  await ask('POST', '/admin/tenants', { id: 'topped-up' });
  const asked = Array.from({ length: 200 }, () => ask('POST', '/admin/credit', { tenant: 'topped-up', usd: 0.25 }));
  expect(new Set((await Promise.all(asked)).map(({ status }) => status))).toEqual(new Set([200]));
  expect((await ask('GET', '/admin/credit?tenant=topped-up')).body).toMatchObject({ credits: [{ limitUsd: 50 }] });
  const { body } = await ask('GET', '/admin/audit?subject=tenant%20topped-up&limit=1000');
  const rows = body['audit'] as readonly { readonly amountUsd: number | null }[];
  expect(rows).toHaveLength(201);
  expect(rows.reduce((sum, { amountUsd }) => sum + (amountUsd ?? 0), 0)).toBe(50);
});

describe('usage', () => {
  test('comes as JSON or CSV, by parameter or by Accept', async () => {
    await gateway.post('/v1/images/generations', { prompt: 'a fox', user: 'ada' });
    await expect
      .poll(async () => (await ask('GET', '/admin/usage?by=tenant,user')).body)
      .toMatchObject({ rows: [{ tenant: 'acme', user: 'ada', spentUsd: '0.05' }], total: { pictures: 1 } });
    for (const csv of [
      await ask('GET', '/admin/usage?format=csv'),
      await ask('GET', '/admin/usage', undefined, { accept: 'text/csv' }),
    ]) {
      expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
      expect(csv.body['text']).toMatch(/^tenant,calls,[^\r]*\r\nacme,1,1,\d+,0\.05,0\.00,0\.00,/);
    }
  });
});

describe('refunds', () => {
  test('give back what was charged as unknown, once, while the gateway runs', async () => {
    gateway.simulator.rule({ fault: 'reset', times: 1 });
    expect((await gateway.post('/v1/images/generations', { prompt: 'lost' })).status).toBe(502);
    await expect
      .poll(async () => (await ask('GET', '/admin/usage?by=outcome')).body)
      .toMatchObject({ total: { unknownUsd: '0.05' } });
    const db = openLedgerReader(`${gateway.directory}/ledger.db`);
    const [unknown] = readUnknowns(db, { upstream: null, since: null, until: null });
    db.close();
    const hold = unknown!.hold;
    const stranger = '00000000-0000-4000-8000-000000000000';
    const refund = () => ask('POST', '/admin/ledger/refund', { holds: [hold, stranger] });
    expect((await refund()).body).toEqual({
      refunds: [
        { hold, usd: 0.05 },
        { hold: stranger, usd: 0 },
      ],
    });
    expect((await refund()).body).toMatchObject({ refunds: [{ usd: 0 }, { usd: 0 }] });
    const { body } = await ask('GET', '/admin/audit?subject=ledger&limit=2');
    expect(body['audit']).toMatchObject([
      { action: 'ledger.refund', result: 'nothing_to_refund' },
      { action: 'ledger.refund', result: 'done', after: { refunded: [{ hold, nanos: 50_000_000 }] } },
    ]);
    expect((await ask('GET', '/admin/usage?by=outcome')).body).toMatchObject({ total: { unknownUsd: '0.00' } });
  });
});

describe('adjustments', () => {
  test('charge what a picture truly cost, once for each name, and say who did it and why', async () => {
    await gateway.post('/v1/images/generations', { prompt: 'a dear fox', user: 'grace' });
    const spent = async () => (await ask('GET', '/admin/usage?by=user')).body['rows'];
    await expect.poll(spent).toMatchObject(expect.arrayContaining([expect.objectContaining({ user: 'grace' })]));
    const db = openLedgerReader(`${gateway.directory}/ledger.db`);
    const hold = String(db.prepare("SELECT id FROM hold WHERE outcome = 'ok' ORDER BY at DESC").get()?.['id']);
    db.close();
    const adjustment = { id: 'bill-11', hold, usd: 0.07, reason: 'the bill of November' };
    const adjust = (each: object) => ask('POST', '/admin/ledger/adjust', { adjustments: [each] });
    expect((await adjust(adjustment)).body).toEqual({ adjustments: [{ id: 'bill-11', hold, changedUsd: 0.02 }] });
    await adjust(adjustment);
    expect(await spent()).toEqual(
      expect.arrayContaining([expect.objectContaining({ user: 'grace', spentUsd: '0.07', calls: 1 })]),
    );
    const stranger = { ...adjustment, id: 'bill-12', hold: '00000000-0000-4000-8000-000000000000' };
    expect((await adjust(stranger)).body).toMatchObject({ adjustments: [{ refused: expect.stringMatching(/hold/) }] });
    for (const wrong of [
      { usd: -1 },
      { usd: '1' },
      { reason: ' ' },
      { hold: 'sk-secret key' },
      { id: '' },
      { more: 1 },
    ])
      expect((await adjust({ ...adjustment, ...wrong })).status).toBe(400);
    const { body } = await ask('GET', '/admin/audit?subject=ledger&limit=100');
    expect(body['audit']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          action: 'ledger.adjust',
          result: 'done',
          amountUsd: 0.02,
          after: expect.objectContaining({ reason: 'the bill of November', changed: 20_000_000 }),
        }),
      ]),
    );
    expect(JSON.stringify(body)).not.toContain('sk-secret');
  });
});
