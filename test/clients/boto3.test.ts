import path from 'node:path';
import { test } from 'vitest';
import { pypi } from './kit/install.ts';
import { run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';

/** The cases are Python, as boto3's users write it: suites/boto3_cases.py. */
const cases = [
  'make_bucket',
  'bucket_configuration',
  'hosts_of_amazon',
  'managed_upload_and_download',
  'upload_of_a_stream',
  'tree_round_trip',
  'ranges',
  'multipart_by_hand_resumed',
  'managed_copy_in_parts',
  'conditional_writes',
  'checksums_of_every_algorithm',
  'multipart_checksums',
  'metadata_and_headers',
  'conditional_reads',
  'odd_keys',
  'listings_in_pages',
  'uploads_in_pages',
  'presigned_get_put_and_part',
  'presigned_post',
  'errors_have_their_classes',
  'delete_in_batches_and_remove_bucket',
] as const;

await clientSuite(
  {
    name: 'boto3',
    install: pypi('boto3', ['boto3==1.44.5', 'awscrt']),
    must: true,
    alsoOn: ['azure', 'gcs'],
  },
  (use) => {
    for (const name of cases) {
      test(name.replaceAll('_', ' '), async () => {
        const { program, aws, bucket, work, file, tree, listing } = use();
        await run(program, [path.join(import.meta.dirname, 'suites/boto3_cases.py'), name], {
          cwd: work,
          env: {
            ...aws,
            CASE_BUCKET: bucket,
            CASE_FILE: file.path,
            CASE_FILE_SHA256: file.sha256,
            CASE_TREE: tree,
            CASE_LISTING_BUCKET: listing.bucket,
            CASE_LISTING_COUNT: String(listing.count),
          },
        });
      });
    }
  },
);
