import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const STORIES = 'stories/**/*.test.ts';

export default defineConfig({
  test: {
    projects: [
      // Whole processes, with a Redis and a disk that others use too: where many run at once one of them may be late. It
      // is tried once more then, and the report says so. What fails twice has failed; nothing else is tried twice.
      { extends: true, test: { name: 'stories', include: [STORIES], retry: process.env['CI'] === undefined ? 0 : 1 } },
      { extends: true, test: { name: 'parts', include: ['**/*.test.ts'], exclude: [STORIES] } },
    ],
    root: import.meta.dirname,
    cache: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Of what is waited for, not of how long it may take: vitest's own second is too short for a busy machine.
    expect: { poll: { timeout: 30_000 } },
    allowOnly: false,
    passWithNoTests: false,
    pool: 'forks',
    // Vitest leaves one core to itself, and most of a long story is waiting: on two cores it would use one half.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
