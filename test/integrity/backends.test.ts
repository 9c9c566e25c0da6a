/** Verifying on every backend: what is right is found right, and bytes that come back changed are told. */
import { Transform } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { AdapterError } from '../../adapters/errors.ts';
import type { GetObjectResult, StorageAdapter } from '../../adapters/types.ts';
import { buildBackends } from '../../src/backends.ts';
import { loadMasterKeys } from '../../src/config/load-master-keys.ts';
import { loadConfig } from '../../src/config.ts';
import { checkObject, type Verdict } from '../../src/integrity/check-object.ts';
import { MasterKeys } from '../../src/s3/encryption/master-keys.ts';
import { createStorage } from '../../src/storage.ts';
import { runningGateway } from '../encryption/suite.ts';
import { haveServices, settingsOf } from '../kit/gateway.ts';
import { reportOf } from './kit.ts';
import { comparable, writeEveryKind } from './objects.ts';

const backends = (['local', 'azure', 'gcs'] as const).filter((backend) => haveServices({ backend }));

describe.each(backends)('verifying on %s', (backend) => {
  const subject = runningGateway({ backend });

  it('compares every object with what it says of itself', { timeout: 120_000 }, async () => {
    const bucket = await subject.bucket();
    await writeEveryKind(subject, bucket);
    const { deployment } = subject.gateway();
    const { err, report, status } = await reportOf<object>(['verify', bucket], { backend, deployment });
    expect(report, err).toMatchObject({
      counts: { objects: 12, fine: comparable.length + 1, sealed: 2, damaged: 0, unchecked: 0 },
      findings: [],
    });
    expect(status).toBe(0);

    const config = loadConfig({
      env: settingsOf({ backend }, deployment, 9),
      cwd: deployment.dir,
      file: undefined,
    });
    const { backends, routes } = await buildBackends(config);
    const storage = createStorage(backends, routes);
    const { keys } = loadMasterKeys(config, { make: false });
    const masterKeys = new MasterKeys(keys.map(({ id, key }) => ({ id, key: Buffer.from(key, 'base64') })));
    const check = (key: string, change: Change): Promise<Verdict> =>
      checkObject({ bucket, key }, { adapter: changed(storage.for(bucket), change), masterKeys });
    try {
      for (const key of comparable) {
        expect(await check(key, {}), key).toEqual({ outcome: 'fine' });
        expect(await check(key, { flipAt: 333_333 }), key).toMatchObject({ outcome: 'damaged' });
        expect(await check(key, { endAt: 500_000 }), key).toMatchObject({ outcome: 'damaged' });
        expect(await check(key, { append: true }), key).toMatchObject({ outcome: 'damaged' });
      }
      expect(await check('customer', { flipAt: 3 })).toMatchObject({ outcome: 'damaged' });
      expect(await check('customer', { endAt: 5000 })).toMatchObject({ outcome: 'damaged' });
      // What an outage says of an object is nothing.
      expect(await check('plain', { failures: 100 })).toMatchObject({ outcome: 'unchecked' });
      expect(await check('plain', { failures: 2 })).toEqual({ outcome: 'fine' });
      expect(await check('no such key', {})).toEqual({ outcome: 'gone' });
    } finally {
      await storage.close();
    }
  });
});

interface Change {
  readonly flipAt?: number;
  readonly endAt?: number;
  readonly append?: boolean;
  /** So many reads fail before one is let through. */
  readonly failures?: number;
}

/** The adapter over a medium that changes what it was given. */
function changed(adapter: StorageAdapter, change: Change): StorageAdapter {
  let failures = change.failures ?? 0;
  return {
    ...adapter,
    async getObject(call): Promise<GetObjectResult> {
      if (failures > 0) {
        failures -= 1;
        throw new AdapterError('Unavailable', 'away');
      }
      const found = await adapter.getObject(call);
      const body = new Changing(change);
      body.once('close', () => found.body.destroy());
      return { ...found, body: found.body.pipe(body) };
    },
  };
}

class Changing extends Transform {
  readonly #change: Change;
  #at = 0;

  constructor(change: Change) {
    super();
    this.#change = change;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    const { endAt = Number.POSITIVE_INFINITY, flipAt = -1 } = this.#change;
    const out = Buffer.from(chunk.subarray(0, Math.max(0, endAt - this.#at)));
    const index = flipAt - this.#at;
    if (index >= 0 && index < out.length) out[index] = (out[index] ?? 0) ^ 1;
    this.#at += chunk.length;
    done(null, out);
  }

  override _flush(done: (error: null, chunk?: Buffer) => void): void {
    done(null, this.#change.append === true ? Buffer.from('x') : undefined);
  }
}
