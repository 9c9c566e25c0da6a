/** The strict proxy itself: each rule refuses what Azurite alone would let pass. */
import { BlobServiceClient, type BlockBlobClient, type ContainerClient } from '@azure/storage-blob';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { upstream } from './kit.ts';
import { type StrictAzure, startStrictAzure } from './proxy.ts';

let strict: StrictAzure;
let container: ContainerClient;
const name = `strict${Date.now().toString(36)}`;
beforeAll(async () => {
  strict = await startStrictAzure({ upstream, pageSize: 2 });
  container = BlobServiceClient.fromConnectionString(strict.connectionString, {
    retryOptions: { maxTries: 1 },
  }).getContainerClient(name);
  await container.create();
});
afterAll(async () => {
  await container.delete();
  await strict.stop();
});

const id = (text: string): string => Buffer.from(text).toString('base64');
const past = (blob: string): BlockBlobClient =>
  strict.direct.getContainerClient(name).getBlockBlobClient(blob);
const refused = (code: string) => expect.objectContaining({ code });

it('discards uncommitted blocks on Put Blob, and at Put Block List those that it does not name', async () => {
  const blob = container.getBlockBlobClient('blocks');
  await blob.stageBlock(id('one'), '1', 1);
  await blob.stageBlock(id('two'), '2', 1);
  await blob.upload('whole', 5);
  expect((await past('blocks').getBlockList('uncommitted')).uncommittedBlocks).toHaveLength(2);
  expect((await blob.getBlockList('uncommitted')).uncommittedBlocks).toHaveLength(0);
  await expect(blob.commitBlockList([id('one')])).rejects.toEqual(refused('InvalidBlockList'));
  await blob.stageBlock(id('one'), '1', 1);
  await blob.stageBlock(id('two'), '2', 1);
  await blob.commitBlockList([id('one')]);
  await expect(blob.commitBlockList([id('one'), id('two')])).rejects.toEqual(refused('InvalidBlockList'));
});

it('wants block IDs of one length, committed ones included', async () => {
  const blob = container.getBlockBlobClient('lengths');
  await blob.stageBlock(id('one'), '1', 1);
  await blob.commitBlockList([id('one')]);
  await expect(blob.stageBlock(id('three'), '3', 1)).rejects.toEqual(refused('InvalidBlobOrBlock'));
  await past('lengths').stageBlock(id('three'), '3', 1);
});

it.each([
  [{ 'a-b': 'x' }, 'InvalidMetadata'],
  [{ '1a': 'x' }, 'InvalidMetadata'],
  [{ a: 'x'.repeat(8200) }, 'MetadataTooLarge'],
])('wants metadata that the service takes', async (metadata, code) => {
  const blob = container.getBlockBlobClient('metadata');
  await expect(blob.upload('x', 1, { metadata })).rejects.toEqual(refused(code));
});

it.each(['a.', 'dir./a', 'a/', 'x'.repeat(1025), `${'n/'.repeat(254)}n`])(
  'wants names that the service takes',
  async (blob) => {
    await expect(container.getBlockBlobClient(blob).upload('x', 1)).rejects.toEqual(
      refused('InvalidResourceName'),
    );
  },
);

it('gives short pages and markers that only go on with their own listing', async () => {
  for (const blob of ['p/1', 'p/2', 'p/3']) await container.getBlockBlobClient(blob).upload('x', 1);
  const pages = container.listBlobsFlat({ prefix: 'p/' }).byPage();
  const first = (await pages.next()).value;
  expect(first?.segment.blobItems).toHaveLength(2);
  expect(first?.continuationToken).not.toContain('p/2');
  expect((await pages.next()).value?.segment.blobItems).toHaveLength(1);
  for (const [prefix, continuationToken] of [
    ['p/', 'p/1'],
    ['', first?.continuationToken ?? ''],
  ] as const)
    await expect(container.listBlobsFlat({ prefix }).byPage({ continuationToken }).next()).rejects.toEqual(
      refused('InvalidQueryParameterValue'),
    );
});

it('wants copies that are authorised, and small enough', async () => {
  const source = container.getBlockBlobClient('source');
  await source.upload('x', 1);
  const target = container.getBlockBlobClient('target');
  await expect(target.syncCopyFromURL(source.url)).rejects.toEqual(refused('CannotVerifyCopySource'));
  await expect(target.syncCopyFromURL(`${source.url}?sig=${'x'.repeat(2048)}`)).rejects.toEqual(
    refused('InvalidHeaderValue'),
  );
});

it('leaves a Copy Blob pending, its target empty', async () => {
  const source = container.getBlockBlobClient('source');
  await source.upload('x', 1);
  const target = container.getBlockBlobClient('pending');
  await target.upload('before', 6);
  const copy = await target.beginCopyFromURL(source.url, { intervalInMs: 1 });
  expect(copy.getOperationState().isCompleted).not.toBe(true);
  expect((await target.getProperties()).copyStatus).toBe('pending');
  expect((await target.getProperties()).contentLength).toBe(0);
});

it('refuses If-None-Match: * on a read', async () => {
  await container.getBlockBlobClient('read').upload('x', 1);
  await expect(
    container.getBlockBlobClient('read').download(0, 1, { conditions: { ifNoneMatch: '*' } }),
  ).rejects.toMatchObject({ statusCode: 400 });
});
