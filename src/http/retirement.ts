import type { Retirement } from '../image/retirement.ts';

const VENDOR_PAGE = 'https://ai.google.dev/gemini-api/docs/deprecations';

/**
 * `Deprecation` (https://www.rfc-editor.org/rfc/rfc9745), `Sunset` (https://www.rfc-editor.org/rfc/rfc8594), and links
 * (https://www.rfc-editor.org/rfc/rfc8288) to the vendor's page and to the model to use instead.
 */
export function retirementHeaders({ deprecated, ends, successor }: Retirement): Record<string, string> {
  const links = [
    ...(deprecated === null ? [] : [`<${VENDOR_PAGE}>; rel="deprecation"; type="text/html"`]),
    ...(ends === null ? [] : [`<${VENDOR_PAGE}>; rel="sunset"; type="text/html"`]),
    ...(successor === null ? [] : [`</v1/models/${successor}>; rel="successor-version"`]),
  ];
  return {
    ...(deprecated !== null && { deprecation: `@${Date.parse(deprecated) / 1000}` }),
    ...(ends !== null && { sunset: new Date(ends).toUTCString() }),
    ...(links.length > 0 && { link: links.join(', ') }),
  };
}
