import { listQuery } from './parameters.ts';
import {
  type Description,
  done,
  flag,
  instant,
  integer,
  list,
  nothing,
  oneOf,
  optional,
  record,
  ref,
  text,
} from './schema.ts';

const listed = {
  name: text,
  prefix: text,
  max_keys: integer,
  'delimiter?': text,
  'encoding_type?': text,
  is_truncated: flag,
  common_prefixes: ref('CommonPrefixes'),
};

const filter = {
  'prefix?': text,
  'tag?': list(record({ key: text, value: text })),
  'object_size_greater_than?': integer,
  'object_size_less_than?': integer,
};

export const bucketActions: Readonly<Record<string, Description>> = {
  ListBuckets: {
    summary: 'List the buckets.',
    query: optional('prefix', 'max-buckets', 'continuation-token', 'bucket-region'),
    answer: {
      data: record({
        owner: ref('Owner'),
        buckets: record({
          bucket: list(
            record({ name: text, creation_date: instant, 'bucket_region?': text, bucket_arn: text }),
          ),
        }),
        'continuation_token?': text,
        'prefix?': text,
      }),
    },
  },
  CreateBucket: {
    summary: 'Create a bucket.',
    headers: optional('x-amz-acl', 'x-amz-bucket-object-lock-enabled', 'x-amz-object-ownership'),
    body: {
      type: 'application/xml',
      example:
        '<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>',
    },
    answer: { data: record({ location: text, bucket_arn: text }) },
  },
  HeadBucket: { summary: 'Ask whether a bucket is there.', answer: { empty: 200 } },
  DeleteBucket: { summary: 'Delete an empty bucket.', answer: done },
  GetBucketLocation: {
    summary: 'Ask for the region of a bucket; that of us-east-1 is empty.',
    answer: { data: record({ location_constraint: text }) },
  },
  ListObjects: {
    summary: 'List the objects of a bucket, version 1.',
    query: { ...listQuery, ...optional('marker', 'max-keys') },
    answer: {
      data: record({ ...listed, marker: text, 'next_marker?': text, contents: list(ref('Object')) }),
    },
  },
  ListObjectsV2: {
    summary: 'List the objects of a bucket.',
    query: { ...listQuery, ...optional('continuation-token', 'fetch-owner', 'max-keys', 'start-after') },
    answer: {
      data: record({
        ...listed,
        'continuation_token?': text,
        'next_continuation_token?': text,
        'start_after?': text,
        key_count: integer,
        contents: list(ref('Object')),
      }),
    },
  },
  ListObjectVersions: {
    summary: 'List the objects of a bucket, each of which is the one version of its key.',
    query: { ...listQuery, ...optional('key-marker', 'max-keys', 'version-id-marker') },
    answer: {
      data: record({
        ...listed,
        key_marker: text,
        'version_id_marker?': text,
        'next_key_marker?': text,
        'next_version_id_marker?': text,
        version: list(ref('ObjectVersion')),
        delete_marker: list({}),
      }),
    },
  },
  GetBucketCors: {
    summary: 'Read the rules for pages of other origins.',
    answer: {
      data: record({
        cors_rule: list(
          record({
            'id?': text,
            allowed_header: list(text),
            allowed_method: list(text),
            allowed_origin: list(text),
            expose_header: list(text),
            'max_age_seconds?': integer,
          }),
        ),
      }),
    },
  },
  PutBucketCors: {
    summary: 'Replace the rules for pages of other origins.',
    body: {
      type: 'application/xml',
      example:
        '<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>',
    },
    answer: nothing,
  },
  DeleteBucketCors: { summary: 'Remove the rules for pages of other origins.', answer: done },
  GetBucketTagging: { summary: 'Read the tags of a bucket.', answer: { data: ref('Tagging') } },
  PutBucketTagging: {
    summary: 'Replace the tags of a bucket.',
    body: {
      type: 'application/xml',
      example: '<Tagging><TagSet><Tag><Key>project</Key><Value>x</Value></Tag></TagSet></Tagging>',
    },
    answer: done,
  },
  DeleteBucketTagging: { summary: 'Remove the tags of a bucket.', answer: done },
  GetBucketLifecycleConfiguration: {
    summary: 'Read what ends by itself in a bucket.',
    answer: {
      data: record({
        rule: list(
          record({
            id: text,
            'prefix?': text,
            'filter?': record({ ...filter, 'and?': record(filter) }),
            status: oneOf('Enabled', 'Disabled'),
            'expiration?': record({ 'days?': integer, 'date?': instant }),
            'abort_incomplete_multipart_upload?': record({ days_after_initiation: integer }),
          }),
        ),
      }),
    },
  },
  PutBucketLifecycleConfiguration: {
    summary: 'Say what ends by itself in a bucket.',
    body: {
      type: 'application/xml',
      example:
        '<LifecycleConfiguration><Rule><ID>old</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>',
    },
    answer: { data: record({ transition_default_minimum_object_size: text }) },
  },
  DeleteBucketLifecycle: { summary: 'Let nothing end by itself.', answer: done },
  GetBucketEncryption: {
    summary: 'Read how new objects of a bucket are encrypted.',
    answer: {
      data: record({
        rule: list(
          record({
            'apply_server_side_encryption_by_default?': record({
              sse_algorithm: text,
              'kms_master_key_id?': text,
            }),
            'bucket_key_enabled?': flag,
            'blocked_encryption_types?': {},
          }),
        ),
      }),
    },
  },
  PutBucketEncryption: {
    summary: 'Say how new objects of a bucket are encrypted.',
    body: {
      type: 'application/xml',
      example:
        '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>',
    },
    answer: nothing,
  },
  DeleteBucketEncryption: { summary: 'Encrypt new objects no longer.', answer: done },
  GetBucketAcl: { summary: "Read a bucket's access control list.", answer: { data: ref('Acl') } },
  PutBucketAcl: {
    summary: 'Confirm that a bucket is its owner’s alone.',
    headers: { 'x-amz-acl': { schema: text, example: 'private' } },
    answer: nothing,
  },
  GetBucketVersioning: {
    summary: 'Ask whether a bucket keeps versions: none does, and `data` is empty.',
    answer: nothing,
  },
  GetBucketPolicy: {
    summary: 'Read the policy of a bucket: the document itself, in no envelope.',
    answer: { bytes: 'application/json' },
  },
  PutBucketPolicy: {
    summary: 'Replace the policy of a bucket.',
    body: {
      type: 'application/json',
      example:
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}]}',
    },
    answer: done,
  },
  DeleteBucketPolicy: { summary: 'Remove the policy of a bucket.', answer: done },
  GetBucketPolicyStatus: {
    summary: 'Ask whether the policy of a bucket makes it public.',
    answer: { data: record({ is_public: flag }) },
  },
  GetBucketOwnershipControls: {
    summary: 'Read who owns what is written to a bucket.',
    answer: { data: record({ rule: list(record({ object_ownership: oneOf('BucketOwnerEnforced') })) }) },
  },
  PutBucketOwnershipControls: {
    summary: 'Confirm that the owner of a bucket owns what is written to it.',
    body: {
      type: 'application/xml',
      example:
        '<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>',
    },
    answer: nothing,
  },
  DeleteBucketOwnershipControls: { summary: 'Remove the ownership controls of a bucket.', answer: done },
  GetPublicAccessBlock: {
    summary: 'Read what public access a bucket refuses.',
    answer: {
      data: record({
        block_public_acls: flag,
        ignore_public_acls: flag,
        block_public_policy: flag,
        restrict_public_buckets: flag,
      }),
    },
  },
  PutPublicAccessBlock: {
    summary: 'Say what public access a bucket refuses.',
    body: {
      type: 'application/xml',
      example:
        '<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>',
    },
    answer: nothing,
  },
  DeletePublicAccessBlock: { summary: 'Refuse public access no longer.', answer: done },
};
