import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: import.meta.dirname,
    cache: false,
    include: ['**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    allowOnly: false,
    passWithNoTests: false,
    pool: 'forks',
    // Vitest leaves one core to itself, and most of a long story is waiting: on two cores it would use one half.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
