import nodeFiles, { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalAdapter, type LocalOptions } from '../../adapters/local/index.ts';
import { adapterContract } from './contract.ts';

const ways: readonly (readonly [name: string, options: Omit<LocalOptions, 'root'>])[] = [
  ['a local directory, durability full', { durability: 'full' }],
  ['a local directory, durability os', { durability: 'os' }],
  // An injected file system has no calls but those that go through the thread pool, as on a slow disk.
  ['a local directory on a slow disk', { durability: 'os', fs: nodeFiles }],
];

for (const [name, options] of ways) {
  const root = await mkdtemp(join(tmpdir(), 'partway-local-'));
  adapterContract(name, {
    make: async () => createLocalAdapter({ root, ...options }),
    cleanup: () => rm(root, { recursive: true }),
  });
}
