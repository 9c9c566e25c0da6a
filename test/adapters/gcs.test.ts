/** The storage contract on GCS: over fake-gcs-server behind the real service's rules, and over the real service when it is given. */
import { randomBytes } from 'node:crypto';
import { describe } from 'vitest';
import { createGcsAdapter } from '../../adapters/gcs/index.ts';
import { upstream, useGcs } from '../strict/gcs/kit.ts';
import { adapterContract } from './contract.ts';

describe.skipIf(upstream === undefined)('GCS', () => {
  const gcs = useGcs();
  adapterContract('GCS', {
    make: async () => gcs.make(),
    async cleanup() {},
  });
});

/** Makes and removes buckets called `partway-test-…` in this project, with Application Default Credentials. */
const projectId = process.env['TEST_GCS_REAL_PROJECT'];

describe.skipIf(projectId === undefined)('the real GCS', () => {
  const location = process.env['TEST_GCS_REAL_LOCATION'];
  const bucketPrefix = `partway-test-${randomBytes(3).toString('hex')}-`;
  adapterContract('the real GCS', {
    async make() {
      return createGcsAdapter({
        projectId: projectId ?? '',
        bucketPrefix,
        ...(location === undefined ? {} : { location }),
        // A project makes about one bucket in two seconds, a name takes one write a second ("Quotas & limits").
        retry: { attempts: 12, firstDelayMs: 500, maxDelayMs: 20_000 },
      });
    },
    async cleanup() {},
  });
});
