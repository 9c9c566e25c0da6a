import path from 'node:path';
import { defineConfig } from 'vitest/config';

/** Outages of every service, on real ones. `npm run test:faults`; `-- --mode long` gives each fault more time. */
export default defineConfig(({ mode }) => ({
  test: {
    root: path.resolve(import.meta.dirname, '../..'),
    include: ['test/faults/**/*.test.ts'],
    globalSetup: ['test/setup/global.ts'],
    env: { PARTWAY_TEST_LONG: String(mode === 'long') },
    maxWorkers: 2,
    testTimeout: mode === 'long' ? 600_000 : 300_000,
    hookTimeout: 120_000,
    reporters: ['verbose'],
  },
}));
