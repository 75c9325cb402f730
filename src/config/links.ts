import { isLoopback } from './address.ts';
import type { ReadSecret } from './environment.ts';
import type { Report } from './mistakes.ts';
import type { ConfigFile } from './schema.ts';
import type { LinksConfig } from './shape.ts';

const CURRENT = 'PLANTAIN_LINK_SECRET';
const PREVIOUS = 'PLANTAIN_LINK_SECRET_PREVIOUS';
/** Whoever guesses it sees every linked picture whose name it knows. */
const LEAST_LENGTH = 32;

/** How links to pictures begin, and what they are signed with. Links of the previous secret are good until they expire. */
export function readLinks(
  { publicUrl: given, listen }: Pick<ConfigFile, 'publicUrl' | 'listen'>,
  publicUrl: string,
  readSecret: ReadSecret,
  report: Report,
): LinksConfig {
  const secrets: string[] = [];
  for (const name of [CURRENT, PREVIOUS]) {
    const secret = readSecret(name);
    if (typeof secret === 'string') continue;
    if (secret.value.length < LEAST_LENGTH)
      report.mistakeOfVariable(
        name,
        `must have at least ${LEAST_LENGTH} characters: make one with "openssl rand -hex 32"`,
      );
    if (name === PREVIOUS && secrets.length === 0)
      report.mistakeOfVariable(name, `is of use only beside ${CURRENT}, which signs new links`);
    secrets.push(secret.value);
  }
  const isGiven = given !== undefined;
  return { base: isGiven ? publicUrl : null, followsListener: !isGiven && isLoopback(listen.host), secrets };
}
