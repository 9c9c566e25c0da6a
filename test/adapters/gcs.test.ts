/** The storage contract over fake-gcs-server behind the real service's rules. */
import { describe } from 'vitest';
import { upstream, useGcs } from '../strict/gcs/kit.ts';
import { adapterContract } from './contract.ts';

describe.skipIf(upstream === undefined)('GCS', () => {
  const gcs = useGcs();
  adapterContract('GCS', {
    make: async () => gcs.make(),
    async cleanup() {},
  });
});
