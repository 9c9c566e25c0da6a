/**
 * What can be allowed, as IAM spells it, and on which kind of resource (Service Authorization Reference, "Actions, resources, and
 * condition keys for Amazon S3").
 */

const ofBuckets = [
  'CreateBucket DeleteBucket ListBucket ListBucketVersions ListBucketMultipartUploads GetBucketLocation',
  'GetBucketPolicy PutBucketPolicy DeleteBucketPolicy GetBucketPolicyStatus',
  'GetBucketAcl PutBucketAcl GetBucketCORS PutBucketCORS GetBucketTagging PutBucketTagging',
  'GetBucketVersioning PutBucketVersioning GetBucketLogging PutBucketLogging GetBucketNotification PutBucketNotification',
  'GetBucketWebsite PutBucketWebsite DeleteBucketWebsite GetBucketRequestPayment PutBucketRequestPayment',
  'GetBucketOwnershipControls PutBucketOwnershipControls GetBucketPublicAccessBlock PutBucketPublicAccessBlock',
  'GetBucketObjectLockConfiguration PutBucketObjectLockConfiguration GetBucketAbac PutBucketAbac',
  'GetEncryptionConfiguration PutEncryptionConfiguration GetLifecycleConfiguration PutLifecycleConfiguration',
  'GetAccelerateConfiguration PutAccelerateConfiguration GetReplicationConfiguration PutReplicationConfiguration',
  'GetAnalyticsConfiguration PutAnalyticsConfiguration GetInventoryConfiguration PutInventoryConfiguration',
  'GetMetricsConfiguration PutMetricsConfiguration',
  'GetIntelligentTieringConfiguration PutIntelligentTieringConfiguration',
  'GetBucketMetadataTableConfiguration CreateBucketMetadataTableConfiguration DeleteBucketMetadataTableConfiguration',
  'UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration CreateSession',
];

const ofObjects = [
  'GetObject GetObjectVersion GetObjectAttributes GetObjectVersionAttributes GetObjectAcl GetObjectVersionAcl',
  'GetObjectTagging GetObjectVersionTagging GetObjectLegalHold GetObjectRetention GetObjectTorrent GetObjectVersionTorrent',
  'PutObject PutObjectAcl PutObjectVersionAcl PutObjectTagging PutObjectVersionTagging PutObjectLegalHold PutObjectRetention',
  'DeleteObject DeleteObjectVersion DeleteObjectTagging DeleteObjectVersionTagging',
  'AbortMultipartUpload ListMultipartUploadParts RestoreObject BypassGovernanceRetention UpdateObjectEncryption',
  'ObjectOwnerOverrideToBucketOwner ReplicateObject ReplicateDelete ReplicateTags InitiateReplication',
];

function named(lists: readonly string[]): ReadonlySet<string> {
  return new Set(lists.flatMap((list) => list.split(' ')).map((name) => `s3:${name}`));
}

export const bucketActions = named(ofBuckets);
export const objectActions = named(ofObjects);
/** Every action that a bucket policy can speak of. */
export const policyActions: readonly string[] = [...bucketActions, ...objectActions];

/** Lists whose `prefix` says which keys they show. */
export const listActions = named(['ListBucket ListBucketVersions ListBucketMultipartUploads']);

/** What a grant of the configuration allows, from the least to all. */
export const actionGroups = ['list', 'read', 'write', 'delete', 'admin'] as const;
export type ActionGroup = (typeof actionGroups)[number];

const groups: Readonly<Record<Exclude<ActionGroup, 'admin'>, ReadonlySet<string>>> = {
  list: listActions,
  read: named([
    'GetObject GetObjectVersion GetObjectAttributes GetObjectVersionAttributes GetObjectAcl GetObjectVersionAcl',
    'GetObjectTagging GetObjectVersionTagging',
  ]),
  // Whoever sends parts looks after them too.
  write: named([
    'PutObject PutObjectAcl PutObjectTagging PutObjectVersionTagging DeleteObjectTagging DeleteObjectVersionTagging',
    'AbortMultipartUpload ListMultipartUploadParts ListBucketMultipartUploads',
  ]),
  delete: named(['DeleteObject DeleteObjectVersion']),
};

/** `admin` is everything: who may write the policy of a bucket can allow itself the rest anyway. */
export function groupAllows(group: ActionGroup, action: string): boolean {
  return group === 'admin' || groups[group].has(action);
}
