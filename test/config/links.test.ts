import { describe, expect, it } from 'vitest';
import { describeConfig } from '../../src/config.ts';
import { inDirectory } from './in-directory.ts';

const { load, mistakes } = inDirectory();
const KEY = { GEMINI_API_KEY: 'upstream-secret' };
const [NEW, OLD] = ['n'.repeat(32), 'o'.repeat(32)];

describe('links', () => {
  it.each([
    [null, {}, null, true],
    ['listen: { host: localhost }', {}, null, true],
    ['listen: { host: 0.0.0.0 }', {}, null, false],
    ['publicUrl: https://a.example/gw/', {}, 'https://a.example/gw', false],
    ['listen: { host: 0.0.0.0 }', { PUBLIC_URL: 'http://b.example' }, 'http://b.example', false],
  ])(
    'of %j with %j begin with %j, or with where only this machine listens: %j',
    (yaml, variables, base, followsListener) => {
      expect(load(yaml, { ...KEY, ...variables }).links).toEqual({ base, followsListener, secrets: [] });
    },
  );

  it('are signed with the secrets of the environment, which are shown to nobody', () => {
    const config = load(null, { ...KEY, PLANTAIN_LINK_SECRET: NEW, PLANTAIN_LINK_SECRET_PREVIOUS: OLD });
    expect(config.links.secrets).toEqual([NEW, OLD]);
    for (const secret of [NEW, OLD]) expect(describeConfig(config)).not.toContain(secret);
  });

  it('have no secret that can be guessed, and no previous one alone', () => {
    const short = mistakes(null, { ...KEY, PLANTAIN_LINK_SECRET: 'guess-me' });
    expect(short).toEqual([expect.stringMatching(/^PLANTAIN_LINK_SECRET: must have at least 32 characters/)]);
    expect(mistakes(null, { ...KEY, PLANTAIN_LINK_SECRET_PREVIOUS: OLD })).toEqual([
      'PLANTAIN_LINK_SECRET_PREVIOUS: is of use only beside PLANTAIN_LINK_SECRET, which signs new links',
    ]);
  });
});
