import { flag, instant, integer, list, oneOf, record, ref, type Schema, text } from './schema.ts';

const object = {
  key: text,
  last_modified: instant,
  etag: { ...text, description: 'With its quotes.' },
  checksum_algorithm: list(text),
  'checksum_type?': oneOf('COMPOSITE', 'FULL_OBJECT'),
  size: integer,
  storage_class: text,
  'owner?': ref('Owner'),
};

/** Parts that several answers have. */
export const schemas: Readonly<Record<string, Schema>> = {
  Failure: record({
    success: { const: false },
    error: record({
      code: {
        ...text,
        description: '`VALIDATION_ERROR` where the request is malformed or out of range, else S3’s code.',
      },
      message: text,
      s3_code: text,
      status: { type: 'integer', minimum: 300, maximum: 599 },
      'field?': { ...text, description: 'The parameter or header that is wrong.' },
      'resource?': text,
      request_id: { ...text, pattern: '^[0-9A-F]{16}$' },
      'details?': {
        type: 'object',
        description: 'What S3 adds to the error, in snake_case.',
        additionalProperties: { type: ['string', 'number'] },
      },
    }),
  }),
  Owner: record({ id: text, 'display_name?': text }),
  CommonPrefixes: list(record({ prefix: text })),
  Object: record(object),
  ObjectVersion: record({ ...object, version_id: { const: 'null' }, is_latest: flag }),
  Tagging: record({ tag_set: record({ tag: list(record({ key: text, value: text })) }) }),
  Acl: record({
    owner: ref('Owner'),
    access_control_list: record({
      grant: list(
        record({
          grantee: record({ type: text, 'id?': text, 'display_name?': text, 'uri?': text }),
          permission: text,
        }),
      ),
    }),
  }),
};
