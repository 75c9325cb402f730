import { KEY } from '../../support/gateway.ts';
import { absent, JSON_TYPE, KEEP_ALIVE, listed, pictures, PNG, refused, tokens, UNDICI } from './request.ts';
import type { Headers, Recorded } from './request.ts';

const CREATE = 'POST /v1/messages';
const noModel = absent('claude', /The model "m" does not exist here/);
const picture = `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"${PNG}"}}`;
const remote = '{"type":"image","source":{"type":"url","url":"https://x/y.png"}}';

const ask = (model: string, blocks: readonly string[], more = ''): string =>
  `{"model":"${model}","max_tokens":1024,"messages":[{"role":"user","content":[${blocks.join(',')}]}]${more}}`;
const TEXT = '{"type":"text","text":"draw"}';

function node(
  key: Headers[number],
  extra: Headers = [],
  [version, api] = ['1.12.0', '2026-10-21'],
  retry = '0',
): Headers {
  return [
    KEEP_ALIVE,
    ['Accept', 'application/json'],
    ['User-Agent', `Anthropic/JS ${version}`],
    ['X-Stainless-Retry-Count', retry],
    ['X-Stainless-Timeout', '600'],
    ['X-Stainless-Lang', 'js'],
    ['X-Stainless-Package-Version', version],
    ['X-Stainless-OS', 'Linux'],
    ['X-Stainless-Arch', 'x64'],
    ['X-Stainless-Runtime', 'node'],
    ['X-Stainless-Runtime-Version', 'v24.21.0'],
    ['anthropic-version', api],
    key,
    ...extra,
    ...UNDICI,
  ];
}

const bearer = ['authorization', `Bearer ${KEY}`] as const;
const older = (extra: Headers = []): Headers => node(['x-api-key', KEY], extra, ['0.137.0', '2023-06-01']);
const newer = (extra: Headers = [], retry = '0'): Headers => node(bearer, extra, ['1.12.0', '2026-10-21'], retry);

export const ANTHROPIC_NODE: readonly Recorded[] = [
  {
    name: 'messages.create of 0.137 with a model nobody has',
    line: CREATE,
    headers: older([JSON_TYPE]),
    body: '{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"x"}]}',
    expected: noModel,
  },
  {
    name: 'messages.create of 0.137 with a limit of ten tokens',
    line: CREATE,
    headers: older([JSON_TYPE]),
    body: '{"model":"nano-banana-2","max_tokens":10,"messages":[{"role":"user","content":"x"}]}',
    expected: pictures('claude', '1024x1024'),
  },
  {
    name: 'messages.create with a picture and one that lies elsewhere',
    line: CREATE,
    headers: newer([JSON_TYPE]),
    body: ask('nano-banana-2', [TEXT, picture, remote]),
    expected: refused('claude', /^messages\[0\]\.content\[2\]\.source: remote URLs are off/),
  },
  {
    name: 'messages.create with a picture, the second retry',
    line: CREATE,
    headers: newer([JSON_TYPE], '2'),
    body: ask('nano-banana-2', [TEXT, picture]),
    expected: pictures('claude', '1024x1024'),
  },
  {
    name: 'messages.create with instructions, a temperature and a user',
    line: CREATE,
    headers: newer([JSON_TYPE]),
    body: ask('nano-banana-2', [TEXT, picture], ',"system":"s","temperature":0.2,"metadata":{"user_id":"u"}'),
    expected: pictures('claude', '1024x1024'),
  },
  {
    name: 'messages.countTokens',
    line: 'POST /v1/messages/count_tokens',
    headers: newer([JSON_TYPE]),
    body: `{"model":"nano-banana-2","messages":[{"role":"user","content":[${TEXT},${picture}]}]}`,
    expected: tokens(1121),
  },
  { name: 'models.list', line: 'GET /v1/models', headers: newer(), expected: listed('claude', 3) },
];

const python: Headers = [
  ['Accept-Encoding', 'gzip, deflate'],
  ['Connection', 'keep-alive'],
  // What it sends where no time is set: it is no number.
  ['x-stainless-timeout', 'NOT_GIVEN'],
  ['x-stainless-retry-count', '0'],
  ['x-stainless-read-timeout', '600'],
  ['Accept', 'application/json'],
  ['Content-Type', 'application/json'],
  ['User-Agent', 'Anthropic/Python 1.13.0'],
  ['X-Stainless-Lang', 'python'],
  ['X-Stainless-Package-Version', '1.13.0'],
  ['X-Stainless-OS', 'Linux'],
  ['X-Stainless-Arch', 'x64'],
  ['X-Stainless-Runtime', 'CPython'],
  ['X-Stainless-Runtime-Version', '3.11.7'],
  ['X-Api-Key', KEY],
  ['X-Stainless-Async', 'false'],
  ['anthropic-version', '2023-06-01'],
];

export const ANTHROPIC_PYTHON: readonly Recorded[] = [
  {
    name: 'messages.create',
    line: CREATE,
    headers: python,
    body: '{"max_tokens":10,"messages":[{"role":"user","content":"x"}],"model":"nano-banana-pro"}',
    expected: pictures('claude', '1024x1024'),
  },
];
