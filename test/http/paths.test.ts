import { describe, expect, test } from 'vitest';
import { claude } from '../../src/dialects/claude/dialect.ts';
import { gemini } from '../../src/dialects/gemini/dialect.ts';
import { openaiChat } from '../../src/dialects/openai-chat/dialect.ts';
import { openaiResponses } from '../../src/dialects/openai-responses/dialect.ts';
import { openaiImages } from '../../src/dialects/openai-images/dialect.ts';
import { allowedMethod, dialectOf, meantPath, splitMethod, splitUrl, unservedPath } from '../../src/http/paths.ts';

const DIALECTS = [claude, gemini, openaiChat, openaiResponses, openaiImages];
const nameOf = (path: string, headers: Record<string, string> = {}, query = ''): string =>
  dialectOf({ path, query, headers }, DIALECTS).name;

describe('a request target', () => {
  test.each([
    ['/v1/models', '/v1/models', ''],
    ['/v1/models?key=a?b', '/v1/models', 'key=a?b'],
    ['/v1/models?', '/v1/models', ''],
    ['/v1/models#x?key=1', '/v1/models', ''],
    ['http://proxy.example:8080/v1/models?key=1', '/v1/models', 'key=1'],
    ['HTTPS://proxy.example', '', ''],
    ['*', '*', ''],
  ])('%s is the path %s and the query %s', (target, path, query) => {
    expect(splitUrl(target)).toEqual({ path, query });
  });

  test.each([
    ['a:generateContent', 'a', 'generateContent'],
    ['a:b:c', 'a:b', 'c'],
    ['models/a:x', 'models/a', 'x'],
    ['a:', 'a', ''],
  ])('%s is the model %s and the method %s', (rest, model, method) => {
    expect(splitMethod(rest)).toEqual({ model, method });
  });

  test.each(['', 'a', ':x'])('%s has no method', (rest) => {
    expect(splitMethod(rest)).toBeNull();
  });
});

describe('the dialect of a call', () => {
  const google = { 'x-goog-api-key': 'k' };
  test.each([
    '/v1/images/generations',
    '/v1/images/edits',
    '/v1beta/openai/images/generations',
    '/v1beta/openai/anything',
    '/v1beta//openai/anything',
    '//v1//images/nope',
    '/images/generations',
  ])('%s is OpenAI, whichever key comes with it', (path) => {
    expect([nameOf(path), nameOf(path, google), nameOf(path, {}, 'key=x')]).toEqual(Array(3).fill('openai-images'));
  });

  test.each(['/v1/chat/completions', '/v1beta/openai/chat/completions', '//chat/completions', '/v1/chat/nope'])(
    '%s is OpenAI’s chat, whichever key comes with it',
    (path) => {
      expect([nameOf(path), nameOf(path, google), nameOf(path, {}, 'key=x')]).toEqual(Array(3).fill('openai-chat'));
    },
  );

  test.each(['/v1/responses', '/v1beta/openai/responses', '//responses', '/v1/responses/resp_1/cancel'])(
    '%s is OpenAI’s Responses, whichever key comes with it',
    (path) => {
      expect([nameOf(path), nameOf(path, google)]).toEqual(Array(2).fill('openai-responses'));
    },
  );

  test.each([
    '/v1beta/models',
    '/v1beta/models/x:generateContent',
    '/v1/models/x:generateContent',
    '/v1/models/x:generateContent/',
    '/v1/models/x%3AgenerateContent',
    '/models/x:anything',
    '//v1beta///models',
    '/upload/v1beta/files',
    '/v1beta/nope',
  ])('%s is Gemini', (path) => {
    expect([nameOf(path), nameOf(path, { 'x-stainless-lang': 'js' })]).toEqual(Array(2).fill('gemini'));
  });

  test.each([
    '/v1/messages',
    '/messages',
    '/v1/messages/count_tokens',
    '/v1/messages/nope',
    '/v1/v1/messages',
    '//v1//messages/',
  ])('%s is Claude, whatever comes with it', (path) => {
    expect([nameOf(path), nameOf(path, google), nameOf(path, { 'x-stainless-lang': 'js' })]).toEqual(
      Array(3).fill('claude'),
    );
  });

  test('anthropic-version is Claude on every path, as no other vendor’s SDK sends it', () => {
    const marks = { 'anthropic-version': '2023-06-01', 'x-stainless-lang': 'js', 'x-api-key': 'k' };
    for (const path of ['/v1/models', '/v1/models/x', '/models', '/v1/files', '/v1beta/v1/messages', '/'])
      expect(nameOf(path, marks)).toBe('claude');
  });

  test.each(['/v1/models', '/v1/models/x', '/v1/files', '/v1/nope', '/models', '/'])(
    '%s is whose marks the call bears, else OpenAI',
    (path) => {
      expect(nameOf(path)).toBe('openai-images');
      expect(nameOf(path, google)).toBe('gemini');
      expect(nameOf(path, { 'x-goog-api-client': 'genai' })).toBe('gemini');
      expect(nameOf(path, {}, 'alt=json&key=x')).toBe('gemini');
      expect(nameOf(path, {}, 'monkey=x')).toBe('openai-images');
      expect(nameOf(path, { ...google, 'x-stainless-lang': 'js' })).toBe('openai-images');
    },
  );
});

describe('the method of a path', () => {
  test.each([
    ['/v1/images/generations', 'POST'],
    ['//v1//images/generations/', 'POST'],
    ['/v1beta/openai/images/generations', 'POST'],
    ['/v1beta/models/a:generateContent', 'POST'],
    ['/v1/models/a%3agenerateContent', 'POST'],
    ['/v1/chat/completions', 'POST'],
    ['/v1beta/openai/chat/completions', 'POST'],
    ['/v1/models', 'GET'],
    ['/v1/messages', 'POST'],
    ['/messages/count_tokens', 'POST'],
    ['/v1beta/models/', 'GET'],
    ['/v1/models/a', 'GET'],
    ['/v1/models/a:other', 'GET'],
    ['/v1/images/edits', 'POST'],
    ['/images/variations/', 'POST'],
    ['/v1/images/nope', null],
    ['/', null],
    ['', null],
  ])('%s: %s', (path, method) => {
    expect(allowedMethod(path, DIALECTS)).toBe(method);
  });
});

describe('the path somebody meant', () => {
  test.each([
    ['/v1/v1/images/generations', '/v1/images/generations'],
    ['/v1beta/v1/images/generations', '/v1/images/generations'],
    ['/v1beta/images/generations', '/v1/images/generations'],
    ['/v1/v1/images/edits', '/v1/images/edits'],
    ['/openai/images/generations/', '/v1/images/generations'],
    ['/v1/v1beta/models/a:generateContent', '/v1beta/models/a:generateContent'],
    ['/v1beta/v1beta//models/a:generateContent', '/v1beta/models/a:generateContent'],
    ['/v1/v1/models', '/v1/models'],
    ['/v1/v1/messages', '/v1/messages'],
    ['/v1beta/v1/messages/count_tokens', '/v1/messages/count_tokens'],
    ['/v1/v1/chat/completions', '/v1/chat/completions'],
    ['/v1/v1/responses', '/v1/responses'],
    ['/v1/openai/models', '/v1/models'],
  ])('%s: %s', (path, meant) => {
    expect(meantPath(path, DIALECTS)).toBe(meant);
  });

  // What is not there is never recommended, least of all to somebody who asked for it.
  test.each(['/v1/images/nope', '/v1/nope', '/v1/v1/nope', '/nope', '/', '/v1', '/v1/v1'])(
    '%s: nobody knows',
    (path) => {
      expect(meantPath(path, DIALECTS)).toBeNull();
    },
  );
});

describe('a path of a vendor that this version does not serve', () => {
  const NAMES = 'completions responses/resp_4711 messages/batches embeddings batches interactions';
  test.each(NAMES.split(' '))('%s is known under every base', (name) => {
    for (const base of ['/v1', '/v1beta', '/v1beta/openai', ''])
      for (const [before, after] of [
        ['', ''],
        ['', '/'],
        ['/', ''],
        ['', '/abc-123'],
        ['', '/b1:cancel'],
      ])
        expect(unservedPath(`${before}${base}/${name}${after}`)).toBe(`${base}/${name}`);
  });

  test.each([
    ['/v1beta/batches/abc-123:cancel', '/v1beta/batches'],
    ['/v1/responses/resp_1/cancel', '/v1/responses/resp_1'],
  ])('%s is %s', (path, unserved) => {
    expect(unservedPath(path)).toBe(unserved);
  });

  test.each([
    '/v1/images/generations',
    '/v1/models',
    '/v1beta/models/files:generateContent',
    '/v1/images',
    '/v1/chat',
    '/v1/filesystem',
    '/v1/chat/completions',
    '/v1/responses',
    '/v1/v1/responses',
    '/openai/v1/images/edits',
    '/upload/files',
    '/nope/files',
    '/',
    '',
  ])('%s is none', (path) => {
    expect(unservedPath(path)).toBeNull();
  });
});
