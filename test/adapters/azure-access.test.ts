/** The ways to reach a storage account, and what is said when one does not lead there. */
import { inspect } from 'node:util';
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  BlobServiceClient,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAzureAdapter } from '../../adapters/azure/index.ts';
import type { StorageAdapter } from '../../adapters/types.ts';
import { devAccount } from '../setup/azurite.ts';
import { type AzureBench, azureBench, upstream } from '../strict/azure/kit.ts';
import { begin, bytes, complete, expectObject, failure, KiB, list, part, put } from './contract/kit.ts';

let bench: AzureBench;
let endpoint: string;
beforeAll(async () => {
  bench = await azureBench();
  endpoint = /BlobEndpoint=([^;]+)/.exec(bench.strict.connectionString)?.[1] ?? '';
});

function accountSas(permissions = 'rwdlac'): string {
  return generateAccountSASQueryParameters(
    {
      services: AccountSASServices.parse('b').toString(),
      resourceTypes: AccountSASResourceTypes.parse('sco').toString(),
      permissions: AccountSASPermissions.parse(permissions),
      expiresOn: new Date(Date.now() + 3_600_000),
    },
    new StorageSharedKeyCredential(devAccount.name, devAccount.key),
  ).toString();
}

/** Everything that needs an authorisation of its own: writes, listings, and copies whose source the service reads. */
async function exercise(adapter: StorageAdapter, bucket: string): Promise<void> {
  await adapter.check();
  await put(adapter, bucket, 'small', 'bytes');
  const upload = await begin(adapter, bucket, 'upload');
  await complete(adapter, upload, [await part(adapter, upload, 1, bytes(64 * KiB))]);
  await adapter.abortUpload(upload);
  await put(adapter, bucket, 'large', bytes(300 * KiB));
  const { version, attributes } = await adapter.headObject({ bucket, key: 'upload' });
  await adapter.copyObject({ bucket, key: 'copy', source: { bucket, key: 'upload', version }, attributes });
  expect(await list(adapter, bucket)).toEqual(['copy', 'large', 'small', 'upload']);
  await expectObject(adapter, bucket, 'copy', bytes(64 * KiB));
  await expectObject(adapter, bucket, 'large', bytes(300 * KiB));
  for (const key of ['copy', 'large', 'small', 'upload']) await adapter.deleteObject({ bucket, key });
}

describe('an account is reached', () => {
  const limits = { singlePutBytes: 100 * KiB, copyBytes: 200 * KiB };

  it.each([
    ['by connection string', () => ({ connectionString: bench.strict.connectionString })],
    ['by account and key', () => ({ account: devAccount.name, accountKey: devAccount.key, endpoint })],
    ['by SAS', () => ({ endpoint, sasToken: accountSas() })],
    ['by SAS with its question mark', () => ({ endpoint: `${endpoint}/`, sasToken: `?${accountSas()}` })],
    [
      'by connection string with a SAS',
      () => ({ connectionString: `BlobEndpoint=${endpoint};SharedAccessSignature=${accountSas()}` }),
    ],
    [
      'by a client of one’s own',
      () => ({ client: BlobServiceClient.fromConnectionString(bench.strict.connectionString) }),
    ],
  ])('%s', async (name, access) => {
    const bucket = await bench.bucket();
    const { containerPrefix } = bench;
    // Azurite 3.37 answers 500 to Put Block From URL under a SAS: there, large copies are Put Blob From URL.
    const putFromUrlBytes = name.includes('SAS') ? 1e9 : 0;
    const adapter = await createAzureAdapter({
      ...access(),
      containerPrefix,
      limits: { ...limits, putFromUrlBytes },
    });
    await exercise(adapter, bucket);
    await adapter.close();
  });

  it('whether it knows Put Blob From URL or not, as Azurite', async () => {
    const { containerPrefix } = bench;
    const adapter = await createAzureAdapter({
      connectionString: upstream,
      containerPrefix,
      limits: { ...limits, copyBytes: 0, putFromUrlBytes: 1e9 },
    });
    await exercise(adapter, await bench.bucket());
    await adapter.close();
  });

  it('with buckets whose names no container can have', async () => {
    const adapter = await bench.make({ containerPrefix: `${bench.containerPrefix}n-` });
    for (const bucket of ['my.bucket', 'a--b', 'xs3-a']) await adapter.createBucket({ bucket });
    expect((await adapter.listBuckets()).map(({ name }) => name)).toEqual(['a--b', 'my.bucket', 'xs3-a']);
    await put(adapter, 'my.bucket', 'key', 'bytes');
    await expectObject(adapter, 'my.bucket', 'key', 'bytes');
    await adapter.deleteObject({ bucket: 'my.bucket', key: 'key' });
    for (const bucket of ['my.bucket', 'a--b', 'xs3-a']) await adapter.deleteBucket({ bucket });
    expect(await failure(adapter.createBucket({ bucket: 'x'.repeat(63) }))).toMatchObject({
      kind: 'InvalidName',
    });
  });
});

describe('an account is not reached', () => {
  afterEach(() => {
    vi.doUnmock('@azure/identity');
    vi.resetModules();
  });

  it('without any credentials, and the message says how to get some', async () => {
    vi.doMock('@azure/identity', () => {
      throw new Error('Cannot find package');
    });
    expect(await failure(createAzureAdapter({ account: 'someaccount' }))).toMatchObject({
      kind: 'Forbidden',
      message: expect.stringMatching(/no key and no SAS .* npm install @azure\/identity/),
    });
  });

  it('but the ambient identity is asked where there is one', async () => {
    const scopes: unknown[] = [];
    vi.doMock('@azure/identity', () => ({
      DefaultAzureCredential: class {
        async getToken(scope: unknown): Promise<never> {
          scopes.push(scope);
          throw Object.assign(new Error('no managed identity here'), { name: 'CredentialUnavailableError' });
        }
      },
    }));
    const adapter = await createAzureAdapter({ account: 'someaccount', limits: { tries: 1 } });
    expect(await failure(adapter.check())).toMatchObject({
      kind: 'Forbidden',
      message: expect.stringMatching(/no Azure identity was found/),
    });
    expect(scopes.flat()).toEqual(['https://storage.azure.com/.default']);
    await adapter.close();
  });

  it('with nothing at all', async () => {
    expect(await failure(createAzureAdapter({}))).toMatchObject({
      message: expect.stringMatching(/no storage account/),
    });
  });

  it('by a SAS that allows too little, which is not shown', async () => {
    const sas = accountSas('r');
    const bucket = await bench.bucket();
    const { containerPrefix } = bench;
    const adapter = await createAzureAdapter({ endpoint, sasToken: sas, containerPrefix });
    const error = await failure(put(adapter, bucket, 'key', 'bytes'));
    expect(error).toMatchObject({ kind: 'Forbidden' });
    const signature = new URLSearchParams(sas).get('sig') ?? '';
    const shown = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
    for (const secret of [signature, encodeURIComponent(signature)]) expect(shown).not.toContain(secret);
    await adapter.close();
  });
});
