import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/clients/**', 'test/compose/**', 'test/faults/**', 'test/abuse/**', 'node_modules/**'],
    globalSetup: ['test/setup/global.ts'],
    // Bounds on what hangs, far from what a busy machine takes: nothing here is a measurement.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    maxWorkers: 2,
  },
});
