import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CONFIG_SCHEMA, jsonSchema } from '../../src/config/schema.ts';
import { inDirectory } from './in-directory.ts';

const { load } = inDirectory();

const shipped = (name: string): string => readFileSync(new URL(`../../config/${name}`, import.meta.url), 'utf8');

describe('config/plantain.schema.json', () => {
  it('is what `npm run schema` makes of its source', () => {
    expect(JSON.parse(shipped('plantain.schema.json'))).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
  });

  it('accepts the shipped file with and without its examples, as an editor reads them', () => {
    const accepts = new Ajv({ strict: false }).compile(JSON.parse(shipped('plantain.schema.json')) as object);
    const text = shipped('plantain.yaml');
    expect([text, withExamples(text), '{}'].map((yaml) => accepts(parse(yaml)))).toEqual([true, true, true]);
    expect(accepts({ listen: { prt: 1 } })).toBe(false);
  });

  it('requires nothing that has a default, and describes every section', () => {
    expect(JSON.stringify(jsonSchema())).toContain('"required":["id","baseUrl"]');
    expect(jsonSchema()).not.toHaveProperty('required');
    for (const [name, schema] of Object.entries(CONFIG_SCHEMA.properties))
      expect(schema, name).toHaveProperty('description');
  });
});

describe('config/plantain.yaml', () => {
  it('names its schema in the first line', () => {
    expect(shipped('plantain.yaml')).toMatch(/^# yaml-language-server: \$schema=\.\/plantain\.schema\.json\n/);
  });

  it('shows every setting there is, in use or as an example', () => {
    const all: unknown = parse(withExamples(shipped('plantain.yaml')));
    expect(Object.keys(all as object).toSorted()).toEqual(Object.keys(CONFIG_SCHEMA.properties).toSorted());
  });

  it('is valid with every example in it put to use', () => {
    const environment = { GEMINI_API_KEY: 'g', WISDOM_GATE_KEY: 'w', ACME_KEY: 'sk-acme', ALERTS_SECRET: 's' };
    const config = load(withExamples(shipped('plantain.yaml')), environment);
    expect(config.warnings).toEqual([]);
    expect(config.tenants[0]).toMatchObject({ id: 'acme', keys: [{}, {}, {}], budgets: [{}, {}] });
    expect(config.models[0]?.targets.map(({ upstream }) => upstream)).toEqual(['google', 'wisdom-gate']);
  });
});

/** Prose has one space behind its #, an example none or the two of its indentation. */
function withExamples(yaml: string): string {
  return yaml.replaceAll(/^#(?=[a-z]| {2})/gm, '');
}
