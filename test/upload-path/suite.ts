/**
 * The upload path as S3 clients see it, run over every backend, both stores, one worker and several. What is asserted is what
 * AWS answers; no gap is allowed here.
 */
import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe } from 'vitest';
import { type GatewayOptions, haveServices, type RunningGateway, startGateway } from '../kit/gateway.ts';
import { completionTests } from './completion.ts';
import { conditionTests } from './conditions.ts';
import { copyTests } from './copies.ts';
import { isolationTests } from './isolation.ts';
import { listingTests } from './listings.ts';
import { partTests } from './parts.ts';
import { readTests } from './reads.ts';
import { tagTests } from './tags.ts';

export interface Subject {
  readonly client: S3Client;
  readonly endpoint: string;
  /** A fresh, empty bucket. */
  bucket(): Promise<string>;
}

/** Something that the gateway talks to, started for one suite. */
export interface Front {
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export function uploadPathSuite(name: string, options: GatewayOptions, start?: () => Promise<Front>): void {
  describe.skipIf(!haveServices(options))(`the upload path on ${name}`, () => {
    let gateway: RunningGateway | undefined;
    let front: Front | undefined;
    const running = (): RunningGateway => {
      if (gateway === undefined) throw new Error('the gateway runs only while tests do');
      return gateway;
    };
    beforeAll(async () => {
      front = await start?.();
      gateway = await startGateway({ ...options, ...(front !== undefined && { env: front.env }) });
    });
    afterAll(async () => {
      await gateway?.stop();
      await front?.stop();
    });

    const subject: Subject = {
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
    partTests(subject);
    completionTests(subject);
    conditionTests(subject);
    isolationTests(subject);
    copyTests(subject);
    listingTests(subject);
    readTests(subject);
    tagTests(subject);
  });
}
