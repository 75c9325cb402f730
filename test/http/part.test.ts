import { expect, test } from 'vitest';
import { partFor } from '../../src/http/part.ts';

const plain = { method: 'GET', ifNoneMatch: undefined, ifRange: undefined, range: undefined };
const part = (more: Partial<Parameters<typeof partFor>[0]>) => partFor({ ...plain, ...more }, '"abc"', 100);

test.each([
  ['bytes=0-', 0, 100],
  ['bytes=0-99', 0, 100],
  ['bytes=0-100', 0, 100],
  ['bytes=99-99', 99, 100],
  ['BYTES = 7 - 8', 7, 9],
  ['bytes=-1', 99, 100],
  ['bytes=-1000', 0, 100],
])('%s is a piece', (range, from, to) => {
  expect(part({ range })).toEqual({ status: 206, from, to });
});

test.each(['bytes=100-', 'bytes=100-200', 'bytes=-0'])('%s is beyond the end', (range) => {
  expect(part({ range })).toEqual({ status: 416 });
});

test.each([
  '',
  'bytes',
  'bytes=',
  'bytes=-',
  'bytes=a-b',
  'bytes=1-2,3-4',
  'bytes=9-8',
  'pages=1-2',
  `bytes=${'1'.repeat(16)}-`,
])('%j asks for all', (range) => expect(part({ range })).toEqual({ status: 200 }));

test('conditions go before ranges, and HEAD has none', () => {
  expect(part({ ifNoneMatch: '"abc"', range: 'bytes=0-1' })).toEqual({ status: 304 });
  expect(part({ ifNoneMatch: 'W/"abc"' })).toEqual({ status: 304 });
  expect(part({ ifNoneMatch: '"x" , "abc"' })).toEqual({ status: 304 });
  expect(part({ ifNoneMatch: '*' })).toEqual({ status: 304 });
  expect(part({ ifNoneMatch: '"ab"' })).toEqual({ status: 200 });
  expect(part({ ifRange: '"abc"', range: 'bytes=0-1' })).toMatchObject({ status: 206 });
  for (const ifRange of ['W/"abc"', '"x"', 'Fri, 27 Nov 2026 00:00:00 GMT'])
    expect(part({ ifRange, range: 'bytes=0-1' })).toEqual({ status: 200 });
  expect(part({ method: 'HEAD', range: 'bytes=0-1' })).toEqual({ status: 200 });
});
