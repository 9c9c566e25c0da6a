import {
  checksumHeaders,
  conditions,
  copyHeaders,
  customerKey,
  objectHeaders,
  readConditions,
} from './parameters.ts';
import {
  checksums,
  type Description,
  done,
  encryption,
  etag,
  flag,
  instant,
  integer,
  list,
  nothing,
  optional,
  record,
  ref,
  text,
} from './schema.ts';

const reading = {
  query: {
    ...optional(
      'partNumber',
      'versionId',
      'response-cache-control',
      'response-content-disposition',
      'response-content-encoding',
      'response-content-language',
      'response-content-type',
      'response-expires',
    ),
  },
  headers: { ...readConditions, ...optional('Range', 'x-amz-checksum-mode'), ...customerKey },
};
const aclBody = { 'x-amz-acl': { schema: text, example: 'private' } };

export const objectActions: Readonly<Record<string, Description>> = {
  PutObject: {
    summary: 'Store an object.',
    headers: {
      ...objectHeaders,
      ...conditions,
      ...checksumHeaders,
      ...optional('Content-MD5', 'x-amz-trailer'),
    },
    body: { type: 'application/octet-stream', example: 'bytes' },
    answer: {
      data: record({ id: text, created_at: instant, size: integer, etag, ...checksums, ...encryption }),
    },
  },
  PostObject: {
    summary:
      'Store an object from an HTML form; without success_action_status the answer is 204 and has no body.',
    body: {
      type: 'multipart/form-data',
      example: '',
      schema: {
        type: 'object',
        properties: {
          key: { ...text, description: 'A placeholder for the name of the file is replaced.' },
          policy: { ...text, description: 'Base64 of a JSON document.' },
          'x-amz-algorithm': text,
          'x-amz-credential': text,
          'x-amz-date': text,
          'x-amz-signature': text,
          success_action_redirect: text,
          success_action_status: text,
          file: { ...text, description: 'The last field that is read.' },
        },
        required: ['key', 'file'],
      },
    },
    answer: { status: 201, data: record({ location: text, bucket: text, key: text, etag }) },
  },
  GetObject: {
    summary: 'Read an object, a range or a part of it. The answer is its bytes, never JSON.',
    ...reading,
    answer: { bytes: '*/*' },
  },
  HeadObject: {
    summary: 'Ask of an object what GetObject says in headers.',
    ...reading,
    answer: { empty: 200 },
  },
  GetObjectAttributes: {
    summary: 'Ask what is known of an object.',
    headers: {
      'x-amz-object-attributes': {
        schema: text,
        required: true,
        example: 'ETag,Checksum,ObjectParts,StorageClass,ObjectSize',
      },
      ...readConditions,
      ...optional('x-amz-max-parts', 'x-amz-part-number-marker'),
      ...customerKey,
    },
    answer: {
      data: record({
        'etag?': { ...text, description: 'Without quotes, here alone.' },
        'checksum?': record(checksums),
        'object_parts?': record({
          'is_truncated?': flag,
          'max_parts?': integer,
          'next_part_number_marker?': integer,
          'part_number_marker?': integer,
          parts_count: integer,
          part: list(record({ part_number: integer, size: integer, ...checksums })),
        }),
        'storage_class?': text,
        'object_size?': integer,
      }),
    },
  },
  DeleteObject: {
    summary: 'Delete an object. One that is not there is deleted already.',
    query: optional('versionId'),
    headers: { ...optional('If-Match', 'x-amz-bypass-governance-retention') },
    answer: done,
  },
  CopyObject: {
    summary: 'Copy an object.',
    headers: {
      ...copyHeaders,
      ...objectHeaders,
      ...conditions,
      ...optional('x-amz-metadata-directive', 'x-amz-tagging-directive', 'x-amz-checksum-algorithm'),
    },
    answer: { data: record({ last_modified: instant, etag, ...checksums }) },
  },
  GetObjectAcl: { summary: "Read an object's access control list.", answer: { data: ref('Acl') } },
  PutObjectAcl: {
    summary: 'Confirm that an object is its owner’s alone.',
    headers: aclBody,
    answer: nothing,
  },
  GetObjectTagging: {
    summary: 'Read the tags of an object.',
    query: optional('versionId'),
    answer: { data: ref('Tagging') },
  },
  PutObjectTagging: {
    summary: 'Replace the tags of an object.',
    query: optional('versionId'),
    body: {
      type: 'application/xml',
      example: '<Tagging><TagSet><Tag><Key>project</Key><Value>x</Value></Tag></TagSet></Tagging>',
    },
    answer: nothing,
  },
  DeleteObjectTagging: {
    summary: 'Remove the tags of an object.',
    query: optional('versionId'),
    answer: done,
  },
  GetObjectRetention: { summary: 'No object is retained.', answer: { error: 'InvalidRequest' } },
  GetObjectLegalHold: { summary: 'No object is held.', answer: { error: 'InvalidRequest' } },
  DeleteObjects: {
    summary: 'Delete up to 1,000 objects.',
    body: {
      type: 'application/xml',
      example: '<Delete><Object><Key>key</Key></Object></Delete>',
    },
    answer: {
      data: record({
        deleted: list(record({ key: text, 'version_id?': text })),
        error: list(record({ key: text, 'version_id?': text, code: text, message: text })),
      }),
    },
  },
};
