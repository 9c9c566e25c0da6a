import path from 'node:path';
import { defineConfig } from 'vitest/config';

/** Real clients against a running gateway: minutes, not seconds, and each test builds on the one before it. */
export default defineConfig({
  test: {
    root: path.resolve(import.meta.dirname, '../..'),
    include: ['test/clients/*.test.ts'],
    globalSetup: ['test/clients/setup.ts'],
    disableConsoleIntercept: true,
    pool: 'forks',
    maxWorkers: 2,
    // Bounds on what hangs, ten times what the longest take on a machine that does nothing else.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    teardownTimeout: 120_000,
    reporters: ['verbose'],
  },
});
