import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: import.meta.dirname,
    cache: false,
    include: ['**/*.test.ts'],
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
