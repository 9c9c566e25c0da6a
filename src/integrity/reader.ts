/** One thread of `partway verify`: reads objects, several at once, and hashes them. */
import { parentPort, workerData } from 'node:worker_threads';
import { buildBackends } from '../backends.ts';
import type { Config, MasterKeyConfig } from '../config.ts';
import { MasterKeys } from '../s3/encryption/master-keys.ts';
import { createStorage } from '../storage.ts';
import { checkObject, type ObjectName, type Verdict } from './check-object.ts';

export interface ReaderData {
  readonly config: Config;
  readonly masterKeys: readonly MasterKeyConfig[];
  /** One 64-bit number that every thread adds the bytes to that it has read. */
  readonly bytesRead: SharedArrayBuffer;
}

export interface ReaderRequest extends ObjectName {
  readonly id: number;
}

export interface ReaderReply {
  readonly id: number;
  readonly verdict: Verdict;
}

const port = parentPort;
if (port === null) throw new Error('this is the code of a thread');
const { bytesRead, config, masterKeys: configured } = workerData as ReaderData;
const counter = new BigInt64Array(bytesRead);
const masterKeys = new MasterKeys(configured.map(({ id, key }) => ({ id, key: Buffer.from(key, 'base64') })));
const { backends, routes } = await buildBackends(config);
const storage = createStorage(backends, routes);

port.on('message', ({ bucket, id, key }: ReaderRequest) => {
  const means = {
    adapter: storage.for(bucket),
    masterKeys,
    onBytes: (count: number) => void Atomics.add(counter, 0, BigInt(count)),
  };
  void checkObject({ bucket, key }, means).then((verdict) =>
    port.postMessage({ id, verdict } satisfies ReaderReply),
  );
});
