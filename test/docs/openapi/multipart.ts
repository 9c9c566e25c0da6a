import { conditions, copyHeaders, customerKey, listQuery, objectHeaders } from './parameters.ts';
import {
  checksumAlgorithms,
  checksums,
  type Description,
  done,
  encryption,
  etag,
  flag,
  instant,
  integer,
  list,
  oneOf,
  optional,
  record,
  ref,
  text,
} from './schema.ts';

const partNumber = {
  schema: { type: 'integer', minimum: 1, maximum: 10_000 },
  required: true,
  example: '1',
} as const;
const algorithm = oneOf(...checksumAlgorithms);

export const multipartActions: Readonly<Record<string, Description>> = {
  CreateMultipartUpload: {
    summary: 'Begin a multipart upload.',
    headers: { ...objectHeaders, ...optional('x-amz-checksum-algorithm', 'x-amz-checksum-type') },
    answer: { data: record({ bucket: text, key: text, upload_id: text }) },
  },
  UploadPart: {
    summary: 'Upload one part. A later one of the same number replaces it.',
    query: { partNumber },
    headers: { ...optional('Content-MD5', 'x-amz-sdk-checksum-algorithm', 'x-amz-trailer'), ...customerKey },
    body: { type: 'application/octet-stream', example: 'bytes' },
    answer: {
      data: record({ id: text, created_at: instant, size: integer, etag, ...checksums, ...encryption }),
    },
  },
  UploadPartCopy: {
    summary: 'Make a part of an object, or of a range of it.',
    query: { partNumber },
    headers: { ...copyHeaders, ...optional('x-amz-copy-source-range'), ...customerKey },
    answer: { data: record({ last_modified: instant, etag, ...checksums }) },
  },
  CompleteMultipartUpload: {
    summary: 'Make the object of the parts that are listed.',
    headers: {
      ...conditions,
      ...optional('x-amz-checksum-type', 'x-amz-mp-object-size'),
      ...customerKey,
    },
    body: {
      type: 'application/xml',
      example:
        '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"9e107d9d372bb6826bd81d3542a419d6"</ETag></Part></CompleteMultipartUpload>',
    },
    answer: { data: record({ location: text, bucket: text, key: text, etag, ...checksums }) },
  },
  AbortMultipartUpload: {
    summary: 'End a multipart upload and free its parts.',
    headers: optional('x-amz-if-match-initiated-time'),
    answer: done,
  },
  ListParts: {
    summary: 'List the parts of an upload.',
    query: optional('max-parts', 'part-number-marker'),
    answer: {
      data: record({
        bucket: text,
        key: text,
        upload_id: text,
        initiator: ref('Owner'),
        owner: ref('Owner'),
        storage_class: text,
        part_number_marker: integer,
        next_part_number_marker: integer,
        max_parts: integer,
        is_truncated: flag,
        'checksum_algorithm?': algorithm,
        'checksum_type?': text,
        part: list(
          record({ part_number: integer, last_modified: instant, etag, size: integer, ...checksums }),
        ),
      }),
    },
  },
  ListMultipartUploads: {
    summary: 'List the uploads of a bucket that have not ended.',
    query: { ...listQuery, ...optional('key-marker', 'max-uploads', 'upload-id-marker') },
    answer: {
      data: record({
        bucket: text,
        key_marker: text,
        upload_id_marker: text,
        next_key_marker: text,
        next_upload_id_marker: text,
        'prefix?': text,
        'delimiter?': text,
        'encoding_type?': text,
        max_uploads: integer,
        is_truncated: flag,
        upload: list(
          record({
            key: text,
            upload_id: text,
            initiator: ref('Owner'),
            owner: ref('Owner'),
            storage_class: text,
            initiated: instant,
            'checksum_algorithm?': algorithm,
            'checksum_type?': text,
          }),
        ),
        common_prefixes: ref('CommonPrefixes'),
      }),
    },
  },
};
