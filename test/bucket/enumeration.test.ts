/** Each of the operations of AWS's model, sent by AWS's own SDK to a bucket and object of its own. */
import { randomBytes } from 'node:crypto';
import * as sdk from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelOperations, otherServices } from '../docs/s3-operations.ts';
import { newClient, type RunningGateway, startGateway } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';

type Sent = { readonly status: number | undefined; readonly code: string | undefined };

/** What a new bucket or object answers that has none of it, where the operation itself is there. */
const absent: Readonly<Record<string, string>> = {
  GetBucketCors: 'NoSuchCORSConfiguration',
  GetBucketEncryption: 'ServerSideEncryptionConfigurationNotFoundError',
  GetBucketLifecycle: 'NoSuchLifecycleConfiguration',
  GetBucketLifecycleConfiguration: 'NoSuchLifecycleConfiguration',
  GetBucketPolicy: 'NoSuchBucketPolicy',
  GetBucketPolicyStatus: 'NoSuchBucketPolicy',
  GetBucketTagging: 'NoSuchTagSet',
  GetPublicAccessBlock: 'NoSuchPublicAccessBlockConfiguration',
};

/** The SDK's name of what it does not have under the older one. */
const newer: Readonly<Record<string, string>> = {
  GetBucketLifecycle: 'GetBucketLifecycleConfiguration',
  PutBucketLifecycle: 'PutBucketLifecycleConfiguration',
  GetBucketNotification: 'GetBucketNotificationConfiguration',
  PutBucketNotification: 'PutBucketNotificationConfiguration',
};

const rule = { ID: 'r', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } };
const tags = { TagSet: [{ Key: 'k', Value: 'v' }] };

/** What an operation needs beyond a bucket, a key, an upload and an ID; a setting states what is so. */
const inputs: Readonly<Record<string, object>> = {
  CreateBucketMetadataConfiguration: {
    MetadataConfiguration: { JournalTableConfiguration: { RecordExpiration: { Expiration: 'DISABLED' } } },
  },
  CreateBucketMetadataTableConfiguration: {
    MetadataTableConfiguration: { S3TablesDestination: { TableBucketArn: 'arn', TableName: 't' } },
  },
  DeleteObjects: { Delete: { Objects: [{ Key: 'key' }] } },
  GetObjectAttributes: { ObjectAttributes: ['ETag'] },
  PutBucketAbac: { AbacStatus: { Status: 'Disabled' } },
  PutBucketAccelerateConfiguration: { AccelerateConfiguration: { Status: 'Suspended' } },
  PutBucketAcl: { ACL: 'private' },
  PutBucketCors: { CORSConfiguration: { CORSRules: [{ AllowedMethods: ['GET'], AllowedOrigins: ['*'] }] } },
  PutBucketEncryption: {
    ServerSideEncryptionConfiguration: {
      Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
    },
  },
  PutBucketLifecycle: { LifecycleConfiguration: { Rules: [rule] } },
  PutBucketLifecycleConfiguration: { LifecycleConfiguration: { Rules: [rule] } },
  PutBucketLogging: { BucketLoggingStatus: {} },
  PutBucketNotification: { NotificationConfiguration: {} },
  PutBucketNotificationConfiguration: { NotificationConfiguration: {} },
  PutBucketOwnershipControls: {
    OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
  },
  PutBucketReplication: { ReplicationConfiguration: { Role: 'r', Rules: [] } },
  PutBucketRequestPayment: { RequestPaymentConfiguration: { Payer: 'BucketOwner' } },
  PutBucketTagging: { Tagging: tags },
  PutBucketVersioning: { VersioningConfiguration: { Status: 'Enabled' } },
  PutBucketWebsite: { WebsiteConfiguration: { IndexDocument: { Suffix: 'i' } } },
  PutObjectAcl: { ACL: 'private' },
  PutObjectAnnotation: { AnnotationName: 'a' },
  GetObjectAnnotation: { AnnotationName: 'a' },
  DeleteObjectAnnotation: { AnnotationName: 'a' },
  PutObjectLegalHold: { LegalHold: { Status: 'ON' } },
  PutObjectLockConfiguration: { ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' } },
  PutObjectRetention: { Retention: { Mode: 'GOVERNANCE', RetainUntilDate: new Date('2040-01-01') } },
  PutObjectTagging: { Tagging: tags },
  PutPublicAccessBlock: { PublicAccessBlockConfiguration: { BlockPublicAcls: true } },
  RenameObject: { RenameSource: 'key' },
  RestoreObject: { RestoreRequest: { Days: 1 } },
  SelectObjectContent: {
    Expression: 'SELECT * FROM S3Object',
    ExpressionType: 'SQL',
    InputSerialization: { JSON: { Type: 'LINES' } },
    OutputSerialization: { JSON: {} },
  },
  WriteGetObjectResponse: { RequestRoute: 'route', RequestToken: 'token' },
};

describe('the operations of AWS’s model', () => {
  let gateway: RunningGateway;
  let client: sdk.S3Client;
  beforeAll(async () => {
    gateway = await startGateway();
    client = newClient(gateway.endpoint, { disableHostPrefix: true });
  });
  afterAll(async () => {
    client.destroy();
    await gateway.stop();
  });

  /** A bucket with one object and one upload of one part. */
  async function stage(): Promise<object> {
    const Bucket = `b-${randomBytes(6).toString('hex')}`;
    await client.send(new sdk.CreateBucketCommand({ Bucket }));
    await client.send(new sdk.PutObjectCommand({ Bucket, Key: 'key', Body: 'x' }));
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key: 'key' }));
    const { ETag } = await client.send(
      new sdk.UploadPartCommand({ Bucket, Key: 'key', UploadId, PartNumber: 1, Body: 'x' }),
    );
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    return { Bucket, Key: 'key', UploadId, PartNumber: 1, MultipartUpload };
  }

  async function call(action: string, input: object): Promise<Sent> {
    const Command = (sdk as unknown as Record<string, new (input: object) => never>)[
      `${newer[action] ?? action}Command`
    ];
    if (Command === undefined) throw new Error(`the SDK has no ${action}`);
    try {
      const answer: { readonly $metadata: { readonly httpStatusCode?: number } } = await client.send(
        new Command(input),
      );
      return { status: answer.$metadata.httpStatusCode, code: undefined };
    } catch (error) {
      const { $metadata, name } = error as { $metadata?: { httpStatusCode?: number }; name?: string };
      return { status: $metadata?.httpStatusCode, code: name };
    }
  }

  async function inputOf(action: string): Promise<object> {
    const place = await stage();
    const { Bucket } = place as { readonly Bucket: string };
    const policy = {
      Statement: [
        { Effect: 'Deny', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/x` },
      ],
      Version: '2012-10-17',
    };
    switch (action) {
      case 'CreateBucket':
        return { Bucket: `${Bucket}-new` };
      case 'DeleteBucket':
        await client.send(new sdk.DeleteObjectCommand({ Bucket, Key: 'key' }));
        return place;
      case 'CopyObject':
        return { ...place, Key: 'copy', CopySource: `${Bucket}/key` };
      case 'UploadPartCopy':
        return { ...place, CopySource: `${Bucket}/key` };
      case 'GetObject':
      case 'HeadObject':
        // There, it is a part of the object that is meant.
        return { Bucket, Key: 'key' };
      case 'PutBucketPolicy':
        return { Bucket, Policy: JSON.stringify(policy) };
      case 'PutObject':
      case 'UploadPart':
      case 'PutObjectAnnotation':
        return { ...place, Body: 'y', ...inputs[action] };
      default:
        return { Id: 'id', ...place, ...inputs[action] };
    }
  }

  it.each(otherServices)('%s: refused, since it is signed for another service', async (action) => {
    const input = action === 'ListDirectoryBuckets' ? {} : await inputOf(action);
    expect(await call(action, input)).toEqual({ status: 400, code: 'AuthorizationHeaderMalformed' });
  });

  it('WriteGetObjectResponse: refused however it is signed', async () => {
    const answer = await send(gateway.endpoint, { method: 'POST', path: '/WriteGetObjectResponse' });
    expect([answer.status, answer.element('Code')]).toEqual([501, 'NotImplemented']);
  });

  const others = modelOperations.filter(({ action }) => !otherServices.includes(action));
  it.each(others)('$action: $support', async ({ action, support }) => {
    const input = await inputOf(action);
    const { code, status = 0 } = await call(action, input);
    const expected = absent[action];
    if (support === 'refused') expect({ status, code }).toEqual({ status: 501, code: 'NotImplemented' });
    else if (expected !== undefined) expect({ status, code }).toEqual({ status: 404, code: expected });
    else if (support === 'fixed') {
      expect([200, 204, 400, 404]).toContain(status);
      expect(code ?? 'none').not.toMatch(/NotImplemented|MethodNotAllowed|NoSuchBucket|NoSuchKey|Malformed/);
    } else expect({ status: Math.floor(status / 100), code }).toEqual({ status: 2, code: undefined });
  });
});
