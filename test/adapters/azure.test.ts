/** The storage contract on Azurite, behind a proxy that adds what the real service demands beyond it. */
import { randomBytes } from 'node:crypto';
import { createAzureAdapter } from '../../adapters/azure/index.ts';
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
