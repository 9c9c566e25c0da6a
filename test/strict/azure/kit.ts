/** What the tests of the Azure adapter share: an adapter behind the strict proxy, and buckets that go with it. */
import { randomBytes } from 'node:crypto';
import { afterAll } from 'vitest';
import { type AzureAdapterOptions, createAzureAdapter } from '../../../adapters/azure/index.ts';
import type { StorageAdapter } from '../../../adapters/types.ts';
import { type StrictAzure, type StrictOptions, startStrictAzure } from './proxy.ts';
import type { Operation } from './request.ts';

export const upstream = process.env['TEST_AZURITE_CONNECTION_STRING'] ?? '';

export interface AzureBench {
  readonly strict: StrictAzure;
  readonly adapter: StorageAdapter;
  readonly containerPrefix: string;
  /** A further adapter, as another replica would have it. */
  make(options?: Partial<AzureAdapterOptions>): Promise<StorageAdapter>;
  /** Made anew, removed with all it holds once the file's tests are done. */
  bucket(): Promise<string>;
  /** Requests of one kind since the last call of {@link AzureBench.forget}. */
  sent(...operations: Operation[]): number;
  forget(): void;
}

export async function azureBench(
  strictness: Omit<StrictOptions, 'upstream'> = {},
  defaults: Partial<AzureAdapterOptions> = {},
): Promise<AzureBench> {
  const strict = await startStrictAzure({ upstream, ...strictness });
  const containerPrefix = `t${randomBytes(4).toString('hex')}-`;
  const adapters: StorageAdapter[] = [];
  const make = async (options: Partial<AzureAdapterOptions> = {}): Promise<StorageAdapter> => {
    const adapter = await createAzureAdapter({
      connectionString: strict.connectionString,
      containerPrefix,
      ...defaults,
      ...options,
      limits: { ...defaults.limits, ...options.limits },
    });
    adapters.push(adapter);
    return adapter;
  };
  const adapter = await make();
  const buckets: string[] = [];
  afterAll(async () => {
    strict.faults.length = 0;
    await Promise.all(adapters.map((each) => each.close()));
    await Promise.all(
      buckets.map((bucket) => strict.direct.getContainerClient(containerPrefix + bucket).deleteIfExists()),
    );
    await strict.stop();
  });
  return {
    strict,
    adapter,
    containerPrefix,
    make,
    async bucket() {
      const bucket = `b${randomBytes(6).toString('hex')}`;
      buckets.push(bucket);
      await adapter.createBucket({ bucket });
      return bucket;
    },
    sent: (...operations) => strict.log.filter(({ operation }) => operations.includes(operation)).length,
    forget: () => {
      strict.log.length = 0;
    },
  };
}
