import { checksumAlgorithms, optional, type Parameters, text } from './schema.ts';

export const conditions = optional('If-Match', 'If-None-Match');
export const readConditions = {
  ...conditions,
  ...optional('If-Modified-Since', 'If-Unmodified-Since'),
};

export const customerKey = optional(
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-server-side-encryption-customer-key',
  'x-amz-server-side-encryption-customer-key-MD5',
);

/** What an object is stored with. */
export const objectHeaders: Parameters = {
  ...optional(
    'Content-Type',
    'Cache-Control',
    'Content-Disposition',
    'Content-Encoding',
    'Content-Language',
    'Expires',
    'x-amz-acl',
    'x-amz-storage-class',
    'x-amz-tagging',
    'x-amz-website-redirect-location',
    'x-amz-server-side-encryption',
  ),
  ...customerKey,
};

export const checksumHeaders = optional(
  ...checksumAlgorithms.map((name) => `x-amz-checksum-${name.toLowerCase()}`),
);

export const copyHeaders: Parameters = {
  'x-amz-copy-source': { schema: text, required: true, example: '/bucket/source' },
  ...optional(
    'x-amz-copy-source-if-match',
    'x-amz-copy-source-if-none-match',
    'x-amz-copy-source-if-modified-since',
    'x-amz-copy-source-if-unmodified-since',
    'x-amz-copy-source-server-side-encryption-customer-algorithm',
    'x-amz-copy-source-server-side-encryption-customer-key',
    'x-amz-copy-source-server-side-encryption-customer-key-MD5',
  ),
};

export const listQuery = optional('prefix', 'delimiter', 'encoding-type');
