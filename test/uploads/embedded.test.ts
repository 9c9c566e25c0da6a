import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { createEmbeddedStore } from '../../src/uploads/embedded/index.ts';
import { uploadStoreContract } from './contract.ts';

async function open(options: { cleanUpGraceMs: number }) {
  const dir = await mkdtemp(join(tmpdir(), 'partway-embedded-'));
  const [a, b] = [createEmbeddedStore({ dir, ...options }), createEmbeddedStore({ dir, ...options })];
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
