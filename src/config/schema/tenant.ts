import { Type } from 'typebox';
import type { Static } from 'typebox';
import { id, list, names, object, section, text, ttlSeconds, variable, when } from './terms.ts';

/** Nano-dollars up to here are whole numbers in a double. */
const MOST_USD = 9_000_000;

const tenantKey = object(
  {
    key: Type.Optional(Type.String({ minLength: 8, maxLength: 512, description: 'The key itself: for development.' })),
    keyFrom: Type.Optional(
      variable('The environment variable with the key; the same name with _FILE behind it names a file.'),
    ),
    sha256: Type.Optional(text('^[0-9a-fA-F]{64}$', 'must be 64 hexadecimal digits', 'The SHA-256 of the key.')),
    revoked: Type.Boolean({ default: false, description: 'Whether it is refused, and its sender told why.' }),
    expires: Type.Optional(
      text(
        '^\\d{4}-\\d\\d-\\d\\d(T([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,3})?)?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d))?$',
        'must be a time such as 2027-01-31T00:00:00Z, or a date',
        'From when on it is refused; a date alone means midnight UTC.',
      ),
    ),
  },
  {
    oneOf: [{ required: ['key'] }, { required: ['keyFrom'] }, { required: ['sha256'] }],
    description: 'One of key, keyFrom, sha256; and when it ends.',
    errorMessage: 'must have exactly one of key, keyFrom, sha256',
  },
);

const budget = object({
  limitUsd: Type.Number({ exclusiveMinimum: 0, maximum: MOST_USD, description: 'US dollars.' }),
  per: Type.Enum(['day', 'month', 'total']),
  timeZone: Type.String({ default: 'UTC', description: 'Where days and months begin, such as Europe/Berlin.' }),
  models: names('Only these models count; absent: all.'),
});

export const tenant = object({
  id: id('Its name in metrics, logs and the ledger.'),
  keys: list(tenantKey, 'What it authenticates with.', { minItems: 1, uniqueItems: false }),
  models: names('The models it may use; absent: all.'),
  budgets: Type.Array(budget, { default: [], description: 'Each of them holds.' }),
  cache: section('How the cache serves it.', {
    scope: Type.Optional(
      text(
        '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
        'must be up to 64 letters, digits, ".", "_" or "-"',
        "Tenants naming one scope share pictures; absent: the tenant's own.",
      ),
    ),
    when: Type.Optional(when()),
    ttlSeconds: Type.Optional(ttlSeconds()),
  }),
});

export type TenantFile = Static<typeof tenant>;
