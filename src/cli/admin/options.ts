import type { JsonMap, JsonValue } from '../../tenants/settings.ts';
import { WrongUse } from '../command.ts';
import { usd } from '../format.ts';

const NANOS_PER_DOLLAR = 1_000_000_000;

/** `20/day` as a budget. What is no such thing is the gateway's to say. */
export function readBudget(text: string): JsonMap {
  const [, amount = '', per = ''] = /^\$?(\d+(?:\.\d+)?)\/(day|month|total)$/.exec(text) ?? [];
  if (per === '') throw new WrongUse('--budget must be dollars a day, a month or in total, such as 20/day.');
  return { limitUsd: Number(amount), per };
}

export function readDollars(option: string, text: string): number {
  const amount = /^\$?-?\d+(?:\.\d+)?$/.test(text) ? Number(text.replace('$', '')) : Number.NaN;
  if (Number.isFinite(amount)) return amount;
  throw new WrongUse(`${option} must be an amount of dollars, such as 5 or 0.50.`);
}

/** `24h`, `90m`, `2d`, `30s` or `0` in seconds. */
export function readSeconds(option: string, text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,8})([smhd]?)$/.exec(text) ?? [];
  const seconds = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 }[unit];
  if (count === '' || seconds === undefined || (unit === '' && Number(count) !== 0))
    throw new WrongUse(`${option} must be a time such as 24h, 90m, 2d, or 0.`);
  return Number(count) * seconds;
}

export function readNames(text: string): readonly string[] {
  return text.split(',').map((name) => name.trim());
}

/** The one word a command takes beside its options. */
export function oneWord(words: readonly string[], what: string): string {
  const [word, ...others] = words;
  if (word === undefined || others.length > 0) throw new WrongUse(`Name ${what}.`);
  return word;
}

/** What was given of it. */
export function given(fields: Readonly<Record<string, JsonValue | undefined>>): JsonMap {
  return Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, JsonValue] => field[1] !== undefined),
  );
}

/** A value of an answer for people: lists by commas, nothing for what is not there. */
export function words(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map(words).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Dollars of an answer, exactly. */
export function dollars(value: JsonValue | undefined): string {
  return typeof value === 'number' ? usd(BigInt(Math.round(value * NANOS_PER_DOLLAR))) : '';
}
