import { list, section, text } from './terms.ts';

export const cors = section('Which web pages may call the API from a browser.', {
  origins: list(
    text(
      '^(\\*|[a-z][a-z0-9+.-]{0,30}://[a-z0-9.\\[\\]:_-]{1,253})$',
      'must be "*", or scheme and host in lower case without a path, such as https://app.example.com',
      'An origin; * is every one.',
    ),
    'Their origins; none: no browser lets a page read an answer.',
    { default: [] },
  ),
});
