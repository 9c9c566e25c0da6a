/** Encryption as S3 clients see it, over every backend. */
import { randomBytes } from 'node:crypto';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe } from 'vitest';
import { type GatewayOptions, haveServices, type RunningGateway, startGateway } from '../kit/gateway.ts';
import type { Subject } from '../upload-path/suite.ts';
import { customerKeyTests } from './customer-keys.ts';
import { encryptedCopyTests } from './encrypted-copies.ts';
import { encryptedUploadTests } from './encrypted-uploads.ts';
import { managedTests } from './managed.ts';

export type EncryptionSubject = Subject & { readonly gateway: () => RunningGateway };

/** A gateway while the tests around it run. */
export function runningGateway(options: GatewayOptions): EncryptionSubject {
  let gateway: RunningGateway | undefined;
  const running = (): RunningGateway => {
    if (gateway === undefined) throw new Error('the gateway runs only while tests do');
    return gateway;
  };
  beforeAll(async () => {
    gateway = await startGateway({
      ...options,
      env: { PARTWAY_ALLOW_SSE_C_OVER_HTTP: 'true', ...options.env },
    });
  });
  afterAll(async () => {
    await gateway?.stop();
  });
  return {
    gateway: running,
    get client() {
      return running().client;
    },
    get endpoint() {
      return running().endpoint;
    },
    async bucket() {
      const bucket = `bucket-${randomBytes(6).toString('hex')}`;
      await running().client.send(new CreateBucketCommand({ Bucket: bucket }));
      return bucket;
    },
  };
}

export function encryptionSuite(name: string, options: GatewayOptions): void {
  describe.skipIf(!haveServices(options))(`encryption on ${name}`, () => {
    const subject = runningGateway(options);
    customerKeyTests(subject);
    encryptedUploadTests(subject);
    managedTests(subject);
    encryptedCopyTests(subject);
  });
}
