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
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 60_000,
    reporters: ['verbose'],
  },
});
