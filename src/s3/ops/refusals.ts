/** Actions of the API model that Partway does not have. They are refused by name, to callers who would be allowed them on AWS. */
import { requireBucket } from '../bucket/documents-of.ts';
import { S3Error } from '../errors.ts';
import type { Route } from '../match.ts';
import type { Operation } from '../operation.ts';

type Refused = readonly [action: string, permission: string, route: Route];

const onBucket = (method: Route['method'], sub: string): Route => ({ method, on: 'bucket', sub });
const onObject = (method: Route['method'], sub: string): Route => ({ method, on: 'object', sub });

const refused: readonly Refused[] = [
  ['CreateSession', 's3:CreateSession', onBucket('GET', 'session')],
  ['PutBucketVersioning', 's3:PutBucketVersioning', onBucket('PUT', 'versioning')],
  ['PutBucketWebsite', 's3:PutBucketWebsite', onBucket('PUT', 'website')],
  ['PutBucketReplication', 's3:PutReplicationConfiguration', onBucket('PUT', 'replication')],
  ['PutObjectLockConfiguration', 's3:PutBucketObjectLockConfiguration', onBucket('PUT', 'object-lock')],
  ['PutBucketAnalyticsConfiguration', 's3:PutAnalyticsConfiguration', onBucket('PUT', 'analytics')],
  ['PutBucketInventoryConfiguration', 's3:PutInventoryConfiguration', onBucket('PUT', 'inventory')],
  ['PutBucketMetricsConfiguration', 's3:PutMetricsConfiguration', onBucket('PUT', 'metrics')],
  [
    'PutBucketIntelligentTieringConfiguration',
    's3:PutIntelligentTieringConfiguration',
    onBucket('PUT', 'intelligent-tiering'),
  ],
  [
    'CreateBucketMetadataConfiguration',
    's3:CreateBucketMetadataTableConfiguration',
    onBucket('POST', 'metadataConfiguration'),
  ],
  [
    'CreateBucketMetadataTableConfiguration',
    's3:CreateBucketMetadataTableConfiguration',
    onBucket('POST', 'metadataTable'),
  ],
  [
    'UpdateBucketMetadataInventoryTableConfiguration',
    's3:UpdateBucketMetadataInventoryTableConfiguration',
    onBucket('PUT', 'metadataInventoryTable'),
  ],
  [
    'UpdateBucketMetadataJournalTableConfiguration',
    's3:UpdateBucketMetadataJournalTableConfiguration',
    onBucket('PUT', 'metadataJournalTable'),
  ],
  [
    'UpdateBucketMetadataAnnotationTableConfiguration',
    's3:UpdateBucketMetadataInventoryTableConfiguration',
    onBucket('PUT', 'metadataAnnotationTable'),
  ],
  ['PutObjectLegalHold', 's3:PutObjectLegalHold', onObject('PUT', 'legal-hold')],
  ['PutObjectRetention', 's3:PutObjectRetention', onObject('PUT', 'retention')],
  ['RestoreObject', 's3:RestoreObject', onObject('POST', 'restore')],
  ['SelectObjectContent', 's3:GetObject', onObject('POST', 'select')],
  ['GetObjectTorrent', 's3:GetObjectTorrent', onObject('GET', 'torrent')],
  ['RenameObject', 's3:PutObject', onObject('PUT', 'renameObject')],
  ['UpdateObjectEncryption', 's3:UpdateObjectEncryption', onObject('PUT', 'encryption')],
  ['PutObjectAnnotation', 's3:PutObject', onObject('PUT', 'annotation')],
  ['DeleteObjectAnnotation', 's3:DeleteObject', onObject('DELETE', 'annotation')],
  ['GetObjectAnnotation', 's3:GetObject', { ...onObject('GET', 'annotation'), needs: 'annotationName' }],
  ['ListObjectAnnotations', 's3:GetObject', onObject('GET', 'annotation')],
];

export const refusals: readonly Operation[] = refused.map(([action, permission, route]) => ({
  action,
  permission,
  route,
  // Whatever comes is not looked at.
  body: 'object',
  async handle(context) {
    await requireBucket(context);
    throw new S3Error('NotImplemented', { extra: { Header: route.sub ?? action } });
  },
}));
