import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalAdapter } from '../../adapters/local/index.ts';
import { adapterContract } from './contract.ts';

for (const durability of ['full', 'os'] as const) {
  const root = await mkdtemp(join(tmpdir(), 'partway-local-'));
  adapterContract(`a local directory, durability ${durability}`, {
    make: async () => createLocalAdapter({ root, durability }),
    cleanup: () => rm(root, { recursive: true }),
  });
}
