/** The storage contract over fake-gcs-server behind the real service's rules. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { createGcsAdapter } from '../../adapters/gcs/index.ts';
import { type StrictGcs, startStrictGcs } from '../strict/gcs/service.ts';
import { adapterContract } from './contract.ts';

const endpoint = process.env['TEST_GCS_ENDPOINT'];

describe.skipIf(endpoint === undefined)('GCS', () => {
  // Buckets of this run alone: a sweep must not meet those of tests that run beside it.
  const bucketPrefix = `t${randomBytes(4).toString('hex')}-`;
  let strict: StrictGcs;
  beforeAll(async () => {
    strict = await startStrictGcs(endpoint ?? '');
  });
  afterAll(() => strict.stop());

  adapterContract('GCS', {
    async make() {
      return createGcsAdapter({ apiEndpoint: strict.endpoint, projectId: 'test', bucketPrefix });
    },
    async cleanup() {},
  });
});
