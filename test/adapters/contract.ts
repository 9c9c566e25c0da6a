/**
 * The storage contract as tests, run over every adapter. Behaviour is what adapters/types.ts says; a gap is declared
 * in an adapter's `capabilities`, or as a key that it documents to refuse, or it is a defect.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { isAdapterError } from '../../adapters/errors.ts';
import type { StorageAdapter } from '../../adapters/types.ts';
import { bucketsContract } from './contract/buckets.ts';
import { completionContract } from './contract/completion.ts';
import { keysContract } from './contract/keys.ts';
import type { Contract, ContractSubject } from './contract/kit.ts';
import { listingContract } from './contract/listing.ts';
import { multipartContract } from './contract/multipart.ts';
import { objectsContract } from './contract/objects.ts';
import { writesContract } from './contract/writes.ts';

export type { ContractSubject } from './contract/kit.ts';

export function adapterContract(name: string, subject: ContractSubject): void {
  describe(`the storage contract on ${name}`, () => {
    let adapters: readonly StorageAdapter[] = [];
    const buckets: string[] = [];
    const at = (index: number): StorageAdapter => {
      const adapter = adapters[index];
      if (adapter === undefined) throw new Error('the adapter exists only while tests run');
      return adapter;
    };
    const contract: Contract = {
      get adapter() {
        return at(0);
      },
      get replica() {
        return at(1);
      },
      refusedKeys: subject.refusedKeys ?? [],
      async bucket(fate = 'removed') {
        const bucket = `partway-test-${randomBytes(8).toString('hex')}`;
        await at(0).createBucket({ bucket });
        if (fate === 'removed') buckets.push(bucket);
        return bucket;
      },
    };

    beforeAll(async () => {
      adapters = [await subject.make(), await subject.make()];
    });
    afterEach(async () => {
      await Promise.all(buckets.splice(0).map((bucket) => removeBucket(at(0), bucket)));
    });
    afterAll(async () => {
      await Promise.all(adapters.map((adapter) => adapter.close()));
      await subject.cleanup();
    });

    bucketsContract(contract);
    objectsContract(contract);
    writesContract(contract);
    keysContract(contract);
    listingContract(contract);
    multipartContract(contract);
    completionContract(contract);
  });
}

async function removeBucket(adapter: StorageAdapter, bucket: string): Promise<void> {
  try {
    for (;;) {
      const { entries, truncated } = await adapter.listObjects({ bucket, limit: 1000 });
      await Promise.all(
        entries.map((entry) =>
          entry.kind === 'object' ? adapter.deleteObject({ bucket, key: entry.info.key }) : undefined,
        ),
      );
      if (!truncated) break;
    }
    await adapter.deleteBucket({ bucket });
  } catch (error) {
    if (!isAdapterError(error, 'NoSuchBucket')) throw error;
  }
}
