import { Type } from 'typebox';
import type { Static } from 'typebox';
import { SAFETY_FLOORS } from '../../image/safety.ts';
import { limits } from './limits.ts';
import { id, list, names, object, onDisconnect, section, text, ttlSeconds, variable, when } from './terms.ts';

/** Nano-dollars up to here are whole numbers in a double. */
const MOST_USD = 9_000_000;

const budget = object({
  limitUsd: Type.Number({ exclusiveMinimum: 0, maximum: MOST_USD, description: 'US dollars.' }),
  per: Type.Enum(['day', 'month', 'total']),
  timeZone: Type.String({ default: 'UTC', description: 'Where days and months begin, such as Europe/Berlin.' }),
  models: names('Only these models count; absent: all.'),
});

export const budgets = (description: string) => Type.Array(budget, { default: [], description });

const creditUsd = () =>
  Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: MOST_USD,
      description: 'Prepaid, in US dollars altogether: a budget per total. To top up, raise it.',
    }),
  );

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
    models: names('The models it may use, of those its tenant may; absent: all of them.'),
    budgets: budgets('Each of them holds for this key alone.'),
    creditUsd: creditUsd(),
    cache: Type.Optional(when()),
  },
  {
    oneOf: [{ required: ['key'] }, { required: ['keyFrom'] }, { required: ['sha256'] }],
    description: 'One of key, keyFrom, sha256; and when it ends.',
    errorMessage: 'must have exactly one of key, keyFrom, sha256',
  },
);

/** Tenants that share budgets. */
export const organisation = object({
  id: id('Its name in metrics and alerts, and where a tenant names it.'),
  budgets: budgets('Each of them holds for all of its tenants together.'),
  creditUsd: creditUsd(),
});

export type OrganisationFile = Static<typeof organisation>;
export type BudgetFile = Static<typeof budget>;

export const tenant = object({
  id: id('Its name in metrics, logs and the ledger.'),
  keys: list(tenantKey, 'What it authenticates with.', { minItems: 1, uniqueItems: false }),
  models: names('The models it may use; absent: all.'),
  organisation: Type.Optional(id('The organisation whose budgets it shares.')),
  budgets: budgets('Each of them holds.'),
  creditUsd: creditUsd(),
  limits: Type.Optional(limits),
  safety: Type.Optional(
    object({
      floor: Type.Enum([...SAFETY_FLOORS], {
        description: 'The laxest threshold its requests may set; what they leave open gets it.',
      }),
    }),
  ),
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
    onDisconnect: Type.Optional(onDisconnect()),
  }),
});

export type TenantFile = Static<typeof tenant>;
