import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { createEmbeddedStore } from '../../src/uploads/embedded/index.ts';
import { uploadStoreContract } from './contract.ts';
import { patienceMs } from './fixtures.ts';

async function open(options: { cleanUpGraceMs: number }) {
  const dir = await mkdtemp(join(tmpdir(), 'partway-embedded-'));
  const given = { dir, writeTimeoutMs: patienceMs, ...options };
  const [a, b] = [createEmbeddedStore(given), createEmbeddedStore(given)];
  return {
    a,
    b,
    async dispose() {
      await Promise.all([a.close(), b.close()]);
      await rm(dir, { recursive: true });
    },
  };
}

describe('the embedded store', () => {
  uploadStoreContract(open);
});
