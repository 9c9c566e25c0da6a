import path from 'node:path';
import { defineConfig } from 'vitest/config';

/** Load and hostile clients against a gateway of their own. `npm run test:abuse`; `-- --mode long` takes hours. */
export default defineConfig(({ mode }) => ({
  test: {
    root: path.resolve(import.meta.dirname, '../..'),
    include: ['test/abuse/**/*.test.ts'],
    env: { PARTWAY_TEST_LONG: String(mode === 'long') },
    // They measure memory, and take what processor there is.
    maxWorkers: 1,
    testTimeout: mode === 'long' ? 4 * 3_600_000 : 300_000,
    hookTimeout: 120_000,
    reporters: ['verbose'],
  },
}));
