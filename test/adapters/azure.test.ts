/**
 * The storage contract on Azurite, behind a proxy that adds what the real service demands beyond it; and on a real account
 * when TEST_AZURE_CONNECTION_STRING names one (with `--testTimeout=300000`: a container's name is blocked after its deletion).
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAzureAdapter } from '../../adapters/azure/index.ts';
import { isAdapterError } from '../../adapters/errors.ts';
import type { BucketCall, StorageAdapter } from '../../adapters/types.ts';
import { type StrictAzure, type StrictOptions, startStrictAzure } from '../strict/azure/proxy.ts';
import { adapterContract } from './contract.ts';

const upstream = process.env['TEST_AZURITE_CONNECTION_STRING'] ?? '';
const KiB = 1024;

type Limits = NonNullable<Parameters<typeof createAzureAdapter>[0]['limits']>;

function overAzure(name: string, strictness: Omit<StrictOptions, 'upstream'>, limits: Limits): void {
  const containerPrefix = `t${randomBytes(4).toString('hex')}-`;
  let strict: Promise<StrictAzure> | undefined;
  adapterContract(name, {
    async make() {
      strict ??= startStrictAzure({ upstream, ...strictness });
      const { connectionString } = await strict;
      return createAzureAdapter({ connectionString, containerPrefix, limits });
    },
    async cleanup() {
      await (await strict)?.stop();
    },
  });
}

overAzure('Azure', { pageSize: 5 }, {});

// Every body staged, parts of several blocks, copies by Put Blob From URL up to a size and by blocks beyond.
overAzure(
  'Azure with every limit near',
  { pageSize: 3 },
  {
    singlePutBytes: 2 * KiB,
    blockBytes: 50 * KiB,
    copyBytes: 20 * KiB,
    putFromUrlBytes: 250 * KiB,
    copyBlockBytes: 60 * KiB,
    copyConcurrency: 3,
  },
);

const account = process.env['TEST_AZURE_CONNECTION_STRING'];
const realPrefix = `t${randomBytes(4).toString('hex')}-`;
if (account !== undefined && account !== '')
  adapterContract('Azure, a real account', {
    async make() {
      // A prefix of its own: the contract sweeps whatever the adapter sees.
      const adapter = await createAzureAdapter({ connectionString: account, containerPrefix: realPrefix });
      return { ...adapter, createBucket: (call) => createPatiently(adapter, call) };
    },
    cleanup: async () => undefined,
  });

/** "Delete Container": for at least 30 seconds no container of that name can be made. */
async function createPatiently(adapter: StorageAdapter, call: BucketCall): Promise<void> {
  for (;;) {
    try {
      return await adapter.createBucket(call);
    } catch (error) {
      if (!isAdapterError(error, 'Unavailable')) throw error;
      await sleep((error.retryAfter ?? 1) * 1000);
    }
  }
}
