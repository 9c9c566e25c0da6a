/** Bucket operations as S3 clients see them, over every backend. */
import { describe } from 'vitest';
import { type EncryptionSubject, runningGateway } from '../encryption/suite.ts';
import { type GatewayOptions, haveServices } from '../kit/gateway.ts';
import { corsTests } from './cors.ts';
import { bucketEncryptionTests } from './encryption.ts';
import { lifecycleTests } from './lifecycle.ts';
import { publicAccessTests } from './public-access.ts';
import { settledTests } from './settled.ts';
import { sharingTests } from './sharing.ts';
import { bucketTaggingTests } from './tagging.ts';
import { versionTests } from './versions.ts';

export type BucketSubject = EncryptionSubject;

export function bucketSuite(name: string, options: GatewayOptions): void {
  describe.skipIf(!haveServices(options))(`bucket operations on ${name}`, () => {
    const subject = runningGateway(options);
    corsTests(subject);
    versionTests(subject);
    settledTests(subject);
    bucketTaggingTests(subject);
    bucketEncryptionTests(subject);
    publicAccessTests(subject);
    sharingTests(options);
  });
  describe.skipIf(!haveServices(options))(`lifecycle rules on ${name}`, () => {
    // Their runs go through every bucket of the gateway: so it has few.
    lifecycleTests(runningGateway(options), options);
  });
}
