import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTags } from '../../src/tenants/tags.ts';

describe('tags', () => {
  test.each([
    [undefined, {}],
    ['', {}],
    [' , ', {}],
    ['team=web', { team: 'web' }],
    ['team=web, job=12', { job: '12', team: 'web' }],
    ['a.b-c_D=x = y!', { 'a.b-c_D': 'x = y!' }],
    [['team=web', 'job=12'], { job: '12', team: 'web' }],
    ['__proto__=x', JSON.parse('{"__proto__":"x"}')],
  ])('are read from %j', (header, tags) => {
    expect(readTags(header)).toEqual(tags);
  });

  test.each([
    'team',
    '=web',
    'team=',
    'te am=web',
    'team=wéb',
    'team=a\u0000b',
    'a=1,a=1',
    'a=1,b=2,c=3,d=4,e=5,f=6',
    `${'n'.repeat(33)}=1`,
    `n=${'v'.repeat(65)}`,
    'x'.repeat(600),
  ])('are refused by the name of their header: %j', (header) => {
    expect(() => readTags(header)).toThrow(
      expect.objectContaining({
        failure: 'invalid_request',
        detail: { param: 'x-plantain-tags', code: 'invalid_value' },
      }),
    );
    expect(() => readTags(header)).toThrow(/^x-plantain-tags must be/);
  });

  test('are the same whatever order they came in', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-', '.'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 5 }), (names) => {
        const header = names.map((each) => `${each}=v`);
        const [one, other] = [header, header.toReversed()].map((items) => JSON.stringify(readTags(items.join())));
        expect(one).toBe(other);
      }),
    );
  });
});
