/** What a bucket answers that has no such configuration and cannot have one. Changes are refused (see refusals.ts). */
import { requireBucket } from '../bucket/documents-of.ts';
import { S3Error, type S3ErrorCode } from '../errors.ts';
import type { Route } from '../match.ts';
import type { Operation, Reply, RequestContext } from '../operation.ts';
import { emptyReply, xmlReply } from '../reply.ts';
import type { XmlNode } from '../xml.ts';

type Reading = readonly [action: string, permission: string, sub: string, needs?: Route['needs']];

/** AWS answers 200 with these documents. */
const documents: ReadonlyArray<readonly [Reading, root: string, content: XmlNode]> = [
  [
    ['GetBucketAccelerateConfiguration', 's3:GetAccelerateConfiguration', 'accelerate'],
    'AccelerateConfiguration',
    {},
  ],
  [
    ['GetBucketRequestPayment', 's3:GetBucketRequestPayment', 'requestPayment'],
    'RequestPaymentConfiguration',
    { Payer: 'BucketOwner' },
  ],
  [['GetBucketLogging', 's3:GetBucketLogging', 'logging'], 'BucketLoggingStatus', {}],
  [
    ['GetBucketNotificationConfiguration', 's3:GetBucketNotification', 'notification'],
    'NotificationConfiguration',
    {},
  ],
  [['GetBucketAbac', 's3:GetBucketAbac', 'abac'], 'AbacStatus', { Status: 'Disabled' }],
  [
    ['ListBucketAnalyticsConfigurations', 's3:GetAnalyticsConfiguration', 'analytics'],
    'ListBucketAnalyticsConfigurationResult',
    { IsTruncated: false },
  ],
  [
    ['ListBucketInventoryConfigurations', 's3:GetInventoryConfiguration', 'inventory'],
    'ListInventoryConfigurationsResult',
    { IsTruncated: false },
  ],
  [
    ['ListBucketMetricsConfigurations', 's3:GetMetricsConfiguration', 'metrics'],
    'ListMetricsConfigurationsResult',
    { IsTruncated: false },
  ],
  [
    [
      'ListBucketIntelligentTieringConfigurations',
      's3:GetIntelligentTieringConfiguration',
      'intelligent-tiering',
    ],
    'ListBucketIntelligentTieringConfigurationsOutput',
    { IsTruncated: false },
  ],
];

/** AWS answers these errors, and names the bucket in all but those that an ID names. */
const absences: ReadonlyArray<readonly [Reading, S3ErrorCode]> = [
  [['GetBucketWebsite', 's3:GetBucketWebsite', 'website'], 'NoSuchWebsiteConfiguration'],
  [
    ['GetBucketReplication', 's3:GetReplicationConfiguration', 'replication'],
    'ReplicationConfigurationNotFoundError',
  ],
  [
    ['GetObjectLockConfiguration', 's3:GetBucketObjectLockConfiguration', 'object-lock'],
    'ObjectLockConfigurationNotFoundError',
  ],
  [
    ['GetBucketMetadataConfiguration', 's3:GetBucketMetadataTableConfiguration', 'metadataConfiguration'],
    'MetadataConfigurationNotFound',
  ],
  [
    ['GetBucketMetadataTableConfiguration', 's3:GetBucketMetadataTableConfiguration', 'metadataTable'],
    'MetadataConfigurationNotFound',
  ],
  [
    ['GetBucketAnalyticsConfiguration', 's3:GetAnalyticsConfiguration', 'analytics', 'id'],
    'NoSuchConfiguration',
  ],
  [
    ['GetBucketInventoryConfiguration', 's3:GetInventoryConfiguration', 'inventory', 'id'],
    'NoSuchConfiguration',
  ],
  [['GetBucketMetricsConfiguration', 's3:GetMetricsConfiguration', 'metrics', 'id'], 'NoSuchConfiguration'],
  [
    [
      'GetBucketIntelligentTieringConfiguration',
      's3:GetIntelligentTieringConfiguration',
      'intelligent-tiering',
      'id',
    ],
    'NoSuchConfiguration',
  ],
];

/** Deleting what is not there: done already, or an error where an ID names it. */
const deletions: ReadonlyArray<readonly [Reading, S3ErrorCode?]> = [
  [['DeleteBucketWebsite', 's3:DeleteBucketWebsite', 'website']],
  [['DeleteBucketReplication', 's3:PutReplicationConfiguration', 'replication']],
  [
    [
      'DeleteBucketMetadataConfiguration',
      's3:DeleteBucketMetadataTableConfiguration',
      'metadataConfiguration',
    ],
  ],
  [['DeleteBucketMetadataTableConfiguration', 's3:DeleteBucketMetadataTableConfiguration', 'metadataTable']],
  [
    ['DeleteBucketAnalyticsConfiguration', 's3:PutAnalyticsConfiguration', 'analytics'],
    'NoSuchConfiguration',
  ],
  [
    ['DeleteBucketInventoryConfiguration', 's3:PutInventoryConfiguration', 'inventory'],
    'NoSuchConfiguration',
  ],
  [['DeleteBucketMetricsConfiguration', 's3:PutMetricsConfiguration', 'metrics'], 'NoSuchConfiguration'],
  [
    [
      'DeleteBucketIntelligentTieringConfiguration',
      's3:PutIntelligentTieringConfiguration',
      'intelligent-tiering',
    ],
    'NoSuchConfiguration',
  ],
];

function fixed(
  [action, permission, sub, needs]: Reading,
  method: 'GET' | 'DELETE',
  answer: (bucket: string) => Reply,
): Operation {
  return {
    action,
    permission,
    route: { method, on: 'bucket', sub, ...(needs !== undefined && { needs }) },
    body: 'none',
    async handle(context) {
      await requireBucket(context);
      return answer(context.bucket);
    },
  };
}

/** An object of a bucket without object lock has neither retention nor legal hold. */
function withoutLock(action: string, sub: string): Operation {
  return {
    action,
    permission: `s3:${action}`,
    route: { method: 'GET', on: 'object', sub },
    body: 'none',
    async handle({ bucket, gateway, key, signal }: RequestContext) {
      await gateway.storage.for(bucket).headObject({ bucket, key, signal });
      throw new S3Error('InvalidRequest', { message: 'Bucket is missing Object Lock Configuration' });
    },
  };
}

export const fixedAnswers: readonly Operation[] = [
  ...documents.map(([reading, root, content]) => fixed(reading, 'GET', () => xmlReply(root, content))),
  ...absences.map(([reading, code]) =>
    fixed(reading, 'GET', (bucket) => {
      throw new S3Error(code, code === 'NoSuchConfiguration' ? {} : { extra: { BucketName: bucket } });
    }),
  ),
  ...deletions.map(([reading, code]) =>
    fixed(reading, 'DELETE', () => {
      if (code !== undefined) throw new S3Error(code);
      return emptyReply(204);
    }),
  ),
  withoutLock('GetObjectRetention', 'retention'),
  withoutLock('GetObjectLegalHold', 'legal-hold'),
];
