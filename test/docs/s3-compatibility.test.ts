import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createAzureAdapter } from '../../adapters/azure/index.ts';
import { createGcsAdapter } from '../../adapters/gcs/index.ts';
import { createLocalAdapter } from '../../adapters/local/index.ts';
import type { Capabilities } from '../../adapters/types.ts';
import { notes } from './s3-notes.ts';
import { beyondModel, modelOperations, type Support } from './s3-operations.ts';

const page = new URL('../../docs/s3-compatibility.md', import.meta.url);
const words: Readonly<Record<Support, string>> = {
  implemented: 'yes',
  settled: 'as it is',
  fixed: 'fixed',
  refused: '501',
};

function operationTable(): string {
  const rows = modelOperations.map(
    ({ action, note, support }) => `| ${action} | ${words[support]} | ${note} |\n`,
  );
  return `| Operation | | |\n|---|---|---|\n${rows.join('')}`;
}

const adapters = {
  'local directory': createLocalAdapter({ root: '/nowhere', durability: 'os' }),
  Azure: await createAzureAdapter({
    connectionString: 'AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:1/a',
  }),
  'Google Cloud Storage': createGcsAdapter({ projectId: 'p', apiEndpoint: 'http://127.0.0.1:1' }),
};

function size(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}
const yes = (is: boolean) => (is ? 'yes' : 'no');

const facts: ReadonlyArray<readonly [what: string, of: (capabilities: Capabilities) => string]> = [
  ['Largest object', ({ maxObjectSize }) => size(maxObjectSize)],
  ['Largest part, largest PutObject', ({ maxPartSize }) => size(Math.min(maxPartSize, 5 * 1024 ** 3))],
  ['Longest key in bytes', ({ maxKeyBytes }) => String(maxKeyBytes)],
  ['CopyObject inside the backend', ({ serverSideCopy }) => yes(serverSideCopy)],
  ['CompleteMultipartUpload takes the same time whatever the size', (has) => yes(has.constantTimeComplete)],
  ['Can encrypt at rest by itself (`encryption.backendAtRest`)', ({ encryptsAtRest }) => yes(encryptsAtRest)],
];

function backendTable(): string {
  const all = Object.values(adapters);
  const rows = facts.map(
    ([what, of]) => `| ${what} | ${all.map(({ capabilities }) => of(capabilities)).join(' | ')} |\n`,
  );
  return `| | ${Object.keys(adapters).join(' | ')} |\n|---|${'---|'.repeat(all.length)}\n${rows.join('')}`;
}

// `npx vitest run test/docs/s3-compatibility.test.ts -u` brings the page up to date.
test('docs/s3-compatibility.md shows every operation and backend as it is', async () => {
  const tables: Readonly<Record<string, () => string>> = {
    operations: operationTable,
    backends: backendTable,
  };
  const fresh = readFileSync(page, 'utf8').replace(
    /(<!-- (operations|backends) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, start: string, name: string, end: string) => `${start}${tables[name]?.() ?? ''}${end}`,
  );
  await expect(fresh).toMatchFileSnapshot(page.pathname);
});

test('the model is AWS’s, and every note is of one of its operations', () => {
  expect(modelOperations).toHaveLength(116);
  const actions = modelOperations.map(({ action }) => action);
  expect(Object.keys(notes).filter((action) => !actions.includes(action))).toEqual([]);
  expect(beyondModel).toEqual(['PostObject']);
});

test('whatever is not simply there is explained', () => {
  const bare = modelOperations.filter(({ note, support }) => note === '' && support !== 'implemented');
  expect(bare.map(({ action }) => action)).toEqual([
    'CreateBucketMetadataConfiguration',
    'CreateBucketMetadataTableConfiguration',
    'DeleteObjectAnnotation',
    'GetObjectAnnotation',
    'GetObjectTorrent',
    'ListObjectAnnotations',
    'PutBucketAnalyticsConfiguration',
    'PutBucketIntelligentTieringConfiguration',
    'PutBucketInventoryConfiguration',
    'PutBucketMetricsConfiguration',
    'PutObjectAnnotation',
    'SelectObjectContent',
    'UpdateBucketMetadataAnnotationTableConfiguration',
    'UpdateBucketMetadataInventoryTableConfiguration',
    'UpdateBucketMetadataJournalTableConfiguration',
    'UpdateObjectEncryption',
  ]);
});
