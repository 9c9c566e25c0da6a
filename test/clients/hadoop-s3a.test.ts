import path from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { beforeAll, test } from 'vitest';
import { mavenProgram } from './kit/install.ts';
import { run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';
import { sdkClient } from './kit/target.ts';

/** The cases are Java: suites/hadoop-s3a/src/main/java/Cases.java. */
const cases = [
  'write_in_parts',
  'read_here_and_there',
  'directories_and_renames',
  'listing',
  'magic_committer',
  'remove_all',
] as const;

await clientSuite(
  {
    name: 'Hadoop S3A',
    install: mavenProgram('hadoop-s3a', path.join(import.meta.dirname, 'suites/hadoop-s3a')),
    must: false,
  },
  (use) => {
    // S3A does not make buckets.
    beforeAll(async () => {
      const client = sdkClient(use().target);
      await client.send(new CreateBucketCommand({ Bucket: use().bucket }));
      client.destroy();
    });

    for (const name of cases) {
      test(name.replaceAll('_', ' '), async () => {
        const { program, aws, bucket, work, file, listing, target } = use();
        await run('java', [`@${program}`, 'Cases', name], {
          cwd: work,
          env: {
            ...aws,
            CASE_BUCKET: bucket,
            CASE_ENDPOINT: target.endpoint,
            CASE_FILE: file.path,
            CASE_FILE_SHA256: file.sha256,
            CASE_LISTING_BUCKET: listing.bucket,
            CASE_LISTING_COUNT: String(listing.count),
            CASE_WORK: work,
          },
        });
      });
    }
  },
);
