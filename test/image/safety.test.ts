import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEAST_SAFETY, SAFETY_FLOORS, underFloor } from '../../src/image/safety.ts';
import { refusalOf } from '../dialects/draws.ts';

const THRESHOLDS = ['OFF', 'BLOCK_NONE', 'BLOCK_ONLY_HIGH', 'BLOCK_MEDIUM_AND_ABOVE', 'BLOCK_LOW_AND_ABOVE'];
const CATEGORIES = ['HARASSMENT', 'HATE_SPEECH', 'SEXUALLY_EXPLICIT', 'DANGEROUS_CONTENT'].map(
  (name) => `HARM_CATEGORY_${name}`,
);
const MEDIUM = 'BLOCK_MEDIUM_AND_ABOVE';

describe('a floor under safety settings', () => {
  it('is nothing where the tenant has none', () => {
    const safety = [{ category: CATEGORIES[0]!, threshold: 'OFF' }];
    expect(underFloor(safety, null, 'safetySettings')).toEqual({ safety, warnings: [] });
    expect(underFloor(LEAST_SAFETY, null, 'safety_settings').safety).toBe(LEAST_SAFETY);
  });

  it('is what a request gets that leaves them open', () => {
    const floored = CATEGORIES.map((category) => ({ category, threshold: MEDIUM }));
    expect(underFloor([], MEDIUM, 'safetySettings')).toEqual({ safety: floored, warnings: [] });
    const unspecified = { category: CATEGORIES[1]!, threshold: 'HARM_BLOCK_THRESHOLD_UNSPECIFIED' };
    expect(underFloor([unspecified], MEDIUM, 'safetySettings').safety).toEqual(expect.arrayContaining(floored));
  });

  it('raises moderation low, which names no threshold, and says so', () => {
    const { safety, warnings } = underFloor(LEAST_SAFETY, 'BLOCK_ONLY_HIGH', 'safety_settings');
    expect(safety.map(({ threshold }) => threshold)).toEqual(Array(4).fill('BLOCK_ONLY_HIGH'));
    expect(warnings).toEqual([expect.stringContaining('BLOCK_ONLY_HIGH')]);
  });

  it('refuses what is laxer, naming the category and what is allowed', () => {
    const safety = [
      { category: CATEGORIES[0]!, threshold: 'BLOCK_LOW_AND_ABOVE' },
      { category: CATEGORIES[2]!, threshold: 'BLOCK_NONE' },
    ];
    const refusal = refusalOf(() => underFloor(safety, MEDIUM, 'safety_settings'));
    expect(refusal).toMatchObject({ failure: 'unsupported', status: 400 });
    expect(refusal.detail).toMatchObject({ param: 'safety_settings[1].threshold', code: 'safety_floor' });
    expect(refusal.message).toContain('HARM_CATEGORY_SEXUALLY_EXPLICIT');
    expect(refusal.message).toContain('Allowed: BLOCK_MEDIUM_AND_ABOVE, BLOCK_LOW_AND_ABOVE');
  });

  it.each([
    ['a number for a threshold', { category: CATEGORIES[0]!, threshold: 5 }],
    ['a threshold nobody knows', { category: CATEGORIES[0]!, threshold: 'BLOCK_SOME' }],
    ['a number for a category', { category: 7, threshold: MEDIUM }],
    ['no category at all', { threshold: 'OFF' }],
    ['a category of another product', { category: 'HARM_CATEGORY_CIVIC_INTEGRITY', threshold: 'OFF' }],
  ])('refuses %s', (_what, setting) => {
    expect(refusalOf(() => underFloor([setting], MEDIUM, 'safetySettings')).failure).toBe('unsupported');
  });

  it('lets nothing through that is laxer, whatever is sent, and changes nothing that is not', () => {
    const setting = fc.record(
      {
        category: fc.oneof(fc.constantFrom(...CATEGORIES, 'HARM_CATEGORY_JAILBREAK'), fc.nat(12), fc.string()),
        threshold: fc.oneof(fc.constantFrom(...THRESHOLDS, null), fc.nat(6), fc.string()),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(setting, { maxLength: 6 }), fc.constantFrom(...SAFETY_FLOORS), (safety, floor) => {
        const allowed = THRESHOLDS.slice(THRESHOLDS.indexOf(floor));
        let floored;
        try {
          floored = underFloor(safety, floor, 'safetySettings').safety;
        } catch (error) {
          expect(error).toMatchObject({ failure: 'unsupported' });
          return;
        }
        for (const { threshold } of floored) expect(allowed).toContain(threshold);
        for (const category of CATEGORIES) expect(floored.some((each) => each.category === category)).toBe(true);
        for (const each of safety) if (allowed.includes(String(each.threshold))) expect(floored).toContainEqual(each);
      }),
    );
  });
});
