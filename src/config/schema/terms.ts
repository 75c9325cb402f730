import { Type } from 'typebox';
import type { TProperties, TSchema } from 'typebox';
import { HOST_PATTERN } from '../address.ts';

export const MINUTE_MS = 60_000;

export const object = <P extends TProperties>(properties: P, options: object = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options });

/** A section in which every setting has a default. */
export const section = <P extends TProperties>(description: string, properties: P) =>
  object(properties, { description, default: {} });

export const integer = (minimum: number, maximum: number, description: string, more: object = {}) =>
  Type.Integer({ minimum, maximum, description, ...more });

export const text = (pattern: string, errorMessage: string, description: string, more: object = {}) =>
  Type.String({ pattern, errorMessage, description, ...more });

export const list = <T extends TSchema>(items: T, description: string, more: object = {}) =>
  Type.Array(items, { uniqueItems: true, description, ...more });

export const byTier = <T extends TSchema>(value: T, description: string) =>
  object(
    {
      '512': Type.Optional(value),
      '1K': Type.Optional(value),
      '2K': Type.Optional(value),
      '4K': Type.Optional(value),
    },
    { minProperties: 1, description },
  );

export const host = () =>
  text(
    HOST_PATTERN,
    'must be an IP address or a host name',
    'Where to listen: 127.0.0.1 for this machine only, 0.0.0.0 for all.',
    {
      default: '127.0.0.1',
    },
  );

export const port = (fallback: number) =>
  integer(0, 65_535, 'TCP port; 0: any that is free, which the start prints.', { default: fallback });

export const bytes = (fallback: number, description: string) =>
  integer(1, Number.MAX_SAFE_INTEGER, `${description} In bytes.`, { default: fallback });

export const onDisconnect = (more: object = {}) =>
  Type.Enum(['finish', 'cancel'], {
    description:
      'When nobody waits for a picture any more. finish: it is drawn all the same, and kept for whoever asks again; cancel: the call is broken off, and charged as unknown.',
    ...more,
  });

export const id = (description: string) =>
  text(
    '^[a-z0-9][a-z0-9._-]{0,63}$',
    'must be up to 64 lower-case letters, digits, ".", "_" or "-", a letter or digit first',
    description,
  );

/** Pasted by mistake, most keys do not look like this: so they are not taken for a name and said back. */
export const variable = (description: string) =>
  text('^[A-Z][A-Z0-9_]{0,127}$', 'must be the name of an environment variable: capitals, digits and "_"', description);

export const address = (description: string) => Type.String({ minLength: 1, description });

export const when = (more: object = {}) =>
  Type.Enum(['repeatable', 'always', 'never'], {
    description: 'Which requests may be stored and answered. Repeatable ones carry a seed or temperature 0.',
    ...more,
  });

/** At least a second: to a store, 0 would mean for ever. */
export const ttlSeconds = (more: object = {}) =>
  integer(1, 315_360_000, 'How long a picture is kept, in seconds.', more);

export const deadline = (fallback: number, description: string) => {
  const ms = integer(1, 60 * MINUTE_MS, 'Milliseconds.');
  return Type.Union([ms, byTier(ms, 'Milliseconds by tier.')], {
    default: fallback,
    description: `${description} In milliseconds; one number, or a map by tier.`,
    errorMessage: 'must be milliseconds: a number, or a map of numbers by tier',
  });
};

export const names = (description: string) =>
  Type.Optional(list(Type.String({ minLength: 1, maxLength: 100 }), description, { minItems: 1 }));
