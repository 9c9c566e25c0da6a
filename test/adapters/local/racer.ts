/** A process of its own over a root, told by its parent what to write: one JSON line in, one out. */
import { createInterface } from 'node:readline';
import { isAdapterError } from '../../../adapters/errors.ts';
import { createLocalAdapter } from '../../../adapters/local/index.ts';
import { FileLock } from '../../../adapters/local/lock.ts';
import type { StorageAdapter, WriteCondition } from '../../../adapters/types.ts';
import { put, read } from '../contract/kit.ts';

export type Order =
  | {
      readonly do: 'put';
      readonly bucket: string;
      readonly key: string;
      readonly data: string;
      readonly condition?: WriteCondition;
    }
  /** Adds one to the number in an object, `times` times, by conditional writes. */
  | { readonly do: 'count'; readonly bucket: string; readonly key: string; readonly times: number }
  /** Puts, lists and removes objects of its own beside others' in one directory. */
  | { readonly do: 'churn'; readonly bucket: string; readonly name: string; readonly times: number }
  /** Takes a lock and keeps it. */
  | { readonly do: 'lock'; readonly path: string };

const adapter = createLocalAdapter({ root: process.argv[2] ?? '', durability: 'os' });

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await obey(adapter, JSON.parse(line) as Order).catch((error: unknown) =>
    isAdapterError(error) ? error.kind : String(error),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await adapter.close();

async function obey(on: StorageAdapter, order: Order): Promise<string> {
  if (order.do === 'put') await put(on, order.bucket, order.key, order.data, order);
  if (order.do === 'lock') await new FileLock(order.path).acquire();
  if (order.do === 'count') await count(on, order);
  if (order.do === 'churn') await churn(on, order);
  return 'done';
}

async function count(
  on: StorageAdapter,
  { bucket, key, times }: Extract<Order, { do: 'count' }>,
): Promise<void> {
  for (let done = 0; done < times; ) {
    const { version } = await on.headObject({ bucket, key });
    try {
      const before = Number(await read(on, bucket, key, { version }));
      await put(on, bucket, key, String(before + 1), { condition: { version } });
      done++;
    } catch (error) {
      if (!isAdapterError(error, 'PreconditionFailed')) throw error;
    }
  }
}

async function churn(
  on: StorageAdapter,
  { bucket, name, times }: Extract<Order, { do: 'churn' }>,
): Promise<void> {
  for (let i = 0; i < times; i++) {
    for (const key of [`deep/down/${name}`, `deep/down/${name}//odd`]) {
      await put(on, bucket, key, `${i}`);
      const { entries } = await on.listObjects({ bucket, prefix: key, limit: 1 });
      if (entries.length !== 1) throw new Error(`${key} is not listed right after it was written`);
      if (String(await read(on, bucket, key)) !== `${i}`) throw new Error(`${key} is not what was written`);
      await on.deleteObject({ bucket, key });
    }
  }
}
