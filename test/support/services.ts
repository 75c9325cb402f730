import { describe, test } from 'vitest';

/**
 * Suites that need something npm does not bring. Without it they are skipped and say so by name, and what would bring
 * them back; with CI set nothing may be skipped, and they fail.
 *
 * @param found what the suite is handed, such as the path of a program; null when this machine has none
 * @param remedy a sentence: how to have it
 */
export function service<T>(name: string, found: T | null, remedy: string) {
  return (title: string, suite: (found: T) => void): void => {
    if (found !== null) {
      describe(title, () => suite(found));
      return;
    }
    const want = `${title}: there is no ${name} here. ${remedy}`;
    if (process.env.CI) {
      test(want, () => {
        throw new Error(`With CI set nothing may be skipped. ${want}`);
      });
      return;
    }
    process.stderr.write(`SKIPPED ${want}\n`);
    test.skip(want, () => undefined);
  };
}
