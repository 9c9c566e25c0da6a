import path from 'node:path';
import { test } from 'vitest';
import { goProgram } from './kit/install.ts';
import { run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';

/** The cases are Go: suites/go-sdk/main.go. */
const cases = [
  'make_bucket',
  'managed_transfer',
  'streamed_upload',
  'checksums',
  'conditional_writes',
  'listing',
  'presigned',
  'remove_bucket',
] as const;

await clientSuite(
  {
    name: 'AWS SDK for Go v2',
    install: goProgram('go-sdk', path.join(import.meta.dirname, 'suites/go-sdk')),
    must: false,
  },
  (use) => {
    for (const name of cases) {
      test(name.replaceAll('_', ' '), async () => {
        const { program, aws, bucket, work, file, listing } = use();
        await run(program, [name], {
          cwd: work,
          env: {
            ...aws,
            CASE_BUCKET: bucket,
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
