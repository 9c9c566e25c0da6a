/** Every action, also those that are refused by name; a sub-resource that is not here answers 501. */
import type { Operation } from './operation.ts';
import { abortMultipartUpload } from './ops/abort-multipart-upload.ts';
import { getBucketAcl, getObjectAcl, putBucketAcl, putObjectAcl } from './ops/acls.ts';
import { deleteBucketCors, getBucketCors, putBucketCors } from './ops/bucket-cors.ts';
import { deleteBucketEncryption, getBucketEncryption, putBucketEncryption } from './ops/bucket-encryption.ts';
import {
  deleteBucketLifecycle,
  getBucketLifecycleConfiguration,
  putBucketLifecycleConfiguration,
} from './ops/bucket-lifecycle.ts';
import {
  deleteBucketPolicy,
  getBucketPolicy,
  getBucketPolicyStatus,
  putBucketPolicy,
} from './ops/bucket-policy.ts';
import { deleteBucketTagging, getBucketTagging, putBucketTagging } from './ops/bucket-tagging.ts';
import { getBucketVersioning } from './ops/bucket-versioning.ts';
import { completeMultipartUpload } from './ops/complete-multipart-upload.ts';
import { copyObject } from './ops/copy-object.ts';
import { createBucket } from './ops/create-bucket.ts';
import { createMultipartUpload } from './ops/create-multipart-upload.ts';
import { deleteBucket } from './ops/delete-bucket.ts';
import { deleteObject } from './ops/delete-object.ts';
import { deleteObjects } from './ops/delete-objects.ts';
import { fixedAnswers } from './ops/fixed-answers.ts';
import { getBucketLocation } from './ops/get-bucket-location.ts';
import { getObject } from './ops/get-object.ts';
import { getObjectAttributes } from './ops/get-object-attributes.ts';
import { headBucket } from './ops/head-bucket.ts';
import { headObject } from './ops/head-object.ts';
import { listBuckets } from './ops/list-buckets.ts';
import { listMultipartUploads } from './ops/list-multipart-uploads.ts';
import { listObjectVersions } from './ops/list-object-versions.ts';
import { listObjects } from './ops/list-objects.ts';
import { listObjectsV2 } from './ops/list-objects-v2.ts';
import { listParts } from './ops/list-parts.ts';
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './ops/object-tagging.ts';
import {
  deleteBucketOwnershipControls,
  getBucketOwnershipControls,
  putBucketOwnershipControls,
} from './ops/ownership-controls.ts';
import { postObject } from './ops/post-object.ts';
import {
  deletePublicAccessBlock,
  getPublicAccessBlock,
  putPublicAccessBlock,
} from './ops/public-access-block.ts';
import { putObject } from './ops/put-object.ts';
import { refusals } from './ops/refusals.ts';
import { settledSettings } from './ops/settled-settings.ts';
import { uploadPart } from './ops/upload-part.ts';
import { uploadPartCopy } from './ops/upload-part-copy.ts';

export const operations: readonly Operation[] = [
  listBuckets,
  createBucket,
  headBucket,
  deleteBucket,
  getBucketLocation,
  getBucketCors,
  putBucketCors,
  deleteBucketCors,
  getBucketLifecycleConfiguration,
  putBucketLifecycleConfiguration,
  deleteBucketLifecycle,
  getBucketTagging,
  putBucketTagging,
  deleteBucketTagging,
  getBucketEncryption,
  putBucketEncryption,
  deleteBucketEncryption,
  getBucketAcl,
  putBucketAcl,
  getBucketVersioning,
  getBucketPolicy,
  putBucketPolicy,
  deleteBucketPolicy,
  getBucketPolicyStatus,
  getBucketOwnershipControls,
  putBucketOwnershipControls,
  deleteBucketOwnershipControls,
  getPublicAccessBlock,
  putPublicAccessBlock,
  deletePublicAccessBlock,
  listObjects,
  listObjectsV2,
  listObjectVersions,
  deleteObjects,
  putObject,
  postObject,
  getObject,
  headObject,
  getObjectAttributes,
  deleteObject,
  copyObject,
  getObjectAcl,
  putObjectAcl,
  getObjectTagging,
  putObjectTagging,
  deleteObjectTagging,
  createMultipartUpload,
  uploadPart,
  uploadPartCopy,
  completeMultipartUpload,
  abortMultipartUpload,
  listParts,
  listMultipartUploads,
  ...fixedAnswers,
  ...settledSettings,
  ...refusals,
];
