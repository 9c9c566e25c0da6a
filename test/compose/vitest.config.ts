import path from 'node:path';
import { defineConfig } from 'vitest/config';

/** Whole deployments in containers: minutes, one after the other, and each test builds on the one before it. */
export default defineConfig({
  test: {
    root: path.resolve(import.meta.dirname, '../..'),
    include: ['test/compose/*.test.ts'],
    globalSetup: ['test/compose/setup.ts'],
    disableConsoleIntercept: true,
    fileParallelism: false,
    bail: 1,
    testTimeout: 900_000,
    hookTimeout: 900_000,
    reporters: ['verbose'],
  },
});
