/** Permission as S3 clients see it, over every backend. */
import { describe } from 'vitest';
import { type BackendName, haveServices } from '../kit/gateway.ts';
import { grantTests } from './grants-on-the-wire.ts';
import { sharedGateway } from './kit.ts';
import { policyTests } from './policies-on-the-wire.ts';
import { uploadTests } from './uploads-on-the-wire.ts';

export function accessSuite(title: string, backend: BackendName): void {
  describe.skipIf(!haveServices({ backend }))(`permission on ${title}`, () => {
    const shared = sharedGateway(backend);
    grantTests(shared);
    policyTests(shared);
    uploadTests(shared);
  });
}
