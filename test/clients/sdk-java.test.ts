import path from 'node:path';
import { test } from 'vitest';
import { mavenProgram } from './kit/install.ts';
import { run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';

/** The cases are Java: suites/java-sdk/src/main/java/Cases.java. */
const cases = [
  'make_bucket',
  'transfer_manager',
  'transfer_manager_with_crt',
  'checksums',
  'conditions_and_chunked_signing',
  'listing',
  'presigned',
  'remove_bucket',
] as const;

await clientSuite(
  {
    name: 'AWS SDK for Java v2',
    install: mavenProgram('java-sdk', path.join(import.meta.dirname, 'suites/java-sdk')),
    must: false,
  },
  (use) => {
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
          },
        });
      });
    }
  },
);
