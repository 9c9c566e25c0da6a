/** Requests of every operation as a client would send them, on a few buckets and keys that many of them share. */
import { createHash } from 'node:crypto';
import type { Dice } from './dice.ts';
import { type Draft, encodeKey } from './draft.ts';
import { date, etag, range } from './values.ts';

/** What answers have told so far: later requests build on it. */
export interface Known {
  readonly uploads: { readonly bucket: string; readonly key: string; readonly uploadId: string }[];
  readonly etags: string[];
}

export const buckets = ['fuzz-a', 'fuzz-b'] as const;
const spare = ['fuzz-spare-1', 'fuzz-spare-2'] as const;
const keys = [
  'plain',
  'a/b/c',
  'a/b',
  'a',
  'a/',
  'a//b',
  './x',
  '../x',
  '..',
  'sp ace',
  'per%cent',
  'plus+plus',
  'd\u00e9j\u00e0',
  '\u{1f600}',
  'quote"\'<>&',
  'control\u0001',
  'new\nline',
  '.partway',
  '.partway/x',
  'e\u0301',
  'x'.repeat(300),
] as const;

type Make = (dice: Dice, known: Known) => Omit<Draft, 'action' | 'auth'>;
type Pairs = [string, string][];

function request(
  method: string,
  path: string,
  query: Pairs = [],
  more: Partial<Draft> = {},
): Omit<Draft, 'action' | 'auth'> {
  return { method, path, query, headers: [], body: Buffer.of(), ...more };
}

function bucketPath(dice: Dice): string {
  return `/${dice.pick(buckets)}`;
}

function objectPath(dice: Dice): string {
  const key = dice.chance(0.8) ? dice.pick(keys) : dice.word(40);
  return `${bucketPath(dice)}/${encodeKey(key)}`;
}

function uploadQuery(dice: Dice, known: Known): { readonly path: string; readonly query: Pairs } {
  const upload = known.uploads.length > 0 && dice.chance(0.95) ? dice.pick(known.uploads) : undefined;
  if (upload === undefined) return { path: objectPath(dice), query: [['uploadId', dice.word(40)]] };
  // Now and then the upload of another key or bucket.
  const path = dice.chance(0.05) ? objectPath(dice) : `/${upload.bucket}/${encodeKey(upload.key)}`;
  return { path, query: [['uploadId', upload.uploadId]] };
}

function conditions(dice: Dice, known: Known, prefix = 'if-'): Pairs {
  if (!dice.chance(0.3)) return [];
  const name = dice.pick(['match', 'none-match', 'modified-since', 'unmodified-since']);
  return [[`${prefix}${name}`, name.endsWith('since') ? date(dice) : etag(dice, known.etags)]];
}

function writeHeaders(dice: Dice): Pairs {
  const all: Pairs = [
    ['content-type', 'text/plain'],
    ['cache-control', 'no-cache'],
    ['content-disposition', 'attachment; filename="x"'],
    ['content-language', 'en'],
    ['x-amz-meta-note', dice.word(20)],
    ['x-amz-meta-other', ''],
    ['x-amz-tagging', `a=${dice.word(5)}&b=`],
    ['x-amz-storage-class', 'STANDARD'],
    ['x-amz-server-side-encryption', 'AES256'],
    ['x-amz-acl', 'private'],
    ['x-amz-checksum-algorithm', dice.pick(['CRC32', 'CRC32C', 'SHA1', 'SHA256', 'CRC64NVME'])],
    ['x-amz-website-redirect-location', '/x'],
  ];
  return all.filter(() => dice.chance(0.12));
}

function payload(dice: Dice): Buffer {
  return dice.bytes(dice.pick([0, 1, 10, 100, 1000, dice.int(0, 3000)]));
}

function put(dice: Dice, body: Buffer): Partial<Draft> {
  const headers = writeHeaders(dice);
  if (dice.chance(0.2)) headers.push(['content-md5', createHash('md5').update(body).digest('base64')]);
  if (dice.chance(0.1))
    headers.push(['x-amz-checksum-sha256', createHash('sha256').update(body).digest('base64')]);
  return { headers, body, ...(dice.chance(0.4) && { payload: 'UNSIGNED-PAYLOAD' }) };
}

function document(text: string, headers: Pairs = []): Partial<Draft> {
  const body = Buffer.from(text, 'utf8');
  return { body, headers: [['content-md5', createHash('md5').update(body).digest('base64')], ...headers] };
}

function listing(dice: Dice, names: readonly string[]): Pairs {
  const query: Pairs = [];
  for (const name of names) {
    if (!dice.chance(0.3)) continue;
    if (name.startsWith('max')) query.push([name, String(dice.int(0, 1001))]);
    else if (name === 'delimiter') query.push([name, dice.pick(['/', '//', 'a', ''])]);
    else if (name === 'encoding-type') query.push([name, 'url']);
    else if (name === 'fetch-owner') query.push([name, 'true']);
    else query.push([name, dice.pick(keys)]);
  }
  return query;
}

const quoted = (text: string): string => text.replaceAll(/[<>&"\p{Cc}]/gu, (c) => `&#${c.charCodeAt(0)};`);

const makers: Readonly<Record<string, readonly [weight: number, make: Make]>> = {
  ListBuckets: [1, () => request('GET', '/')],
  CreateBucket: [1, (dice) => request('PUT', `/${dice.pick(spare)}`)],
  DeleteBucket: [1, (dice) => request('DELETE', `/${dice.pick([...spare, ...buckets])}`)],
  HeadBucket: [1, (dice) => request('HEAD', bucketPath(dice))],
  GetBucketLocation: [1, (dice) => request('GET', bucketPath(dice), [['location', '']])],
  BucketSettings: [
    4,
    (dice) =>
      request(dice.pick(['GET', 'GET', 'DELETE', 'PUT']), bucketPath(dice), [
        [
          dice.pick([
            ...[
              'acl',
              'cors',
              'policy',
              'lifecycle',
              'versioning',
              'tagging',
              'website',
              'logging',
              'encryption',
            ],
            ...[
              'ownershipControls',
              'publicAccessBlock',
              'object-lock',
              'replication',
              'versions',
              'notification',
            ],
          ]),
          '',
        ],
      ]),
  ],
  PutBucketCors: [
    1,
    (dice) =>
      request(
        'PUT',
        bucketPath(dice),
        [['cors', '']],
        document(
          `<CORSConfiguration><CORSRule><AllowedOrigin>${quoted(dice.pick(['*', 'https://a.example', 'x*y*z']))}</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>`,
        ),
      ),
  ],
  Preflight: [
    1,
    (dice) =>
      request('OPTIONS', objectPath(dice), [], {
        headers: [
          ['origin', 'https://a.example'],
          ['access-control-request-method', dice.pick(['GET', 'PUT', 'FOO'])],
        ],
      }),
  ],
  ListObjects: [
    2,
    (dice) =>
      request(
        'GET',
        bucketPath(dice),
        listing(dice, ['prefix', 'marker', 'delimiter', 'max-keys', 'encoding-type']),
      ),
  ],
  ListObjectsV2: [
    4,
    (dice) =>
      request('GET', bucketPath(dice), [
        ['list-type', '2'],
        ...listing(dice, [
          'prefix',
          'start-after',
          'continuation-token',
          'delimiter',
          'max-keys',
          'encoding-type',
          'fetch-owner',
        ]),
      ]),
  ],
  ListObjectVersions: [
    1,
    (dice) =>
      request('GET', bucketPath(dice), [
        ['versions', ''],
        ...listing(dice, ['prefix', 'key-marker', 'max-keys', 'delimiter']),
      ]),
  ],
  PutObject: [
    12,
    (dice, known) => {
      const draft = request('PUT', objectPath(dice), [], put(dice, payload(dice)));
      draft.headers.push(...conditions(dice, known).filter(([name]) => name.endsWith('match')));
      return draft;
    },
  ],
  GetObject: [
    10,
    (dice, known) => {
      const headers = conditions(dice, known);
      if (dice.chance(0.3)) headers.push(['range', range(dice)]);
      if (dice.chance(0.1)) headers.push(['x-amz-checksum-mode', 'ENABLED']);
      const query: Pairs = dice.chance(0.1) ? [['response-content-type', 'text/x']] : [];
      if (dice.chance(0.1)) query.push(['partNumber', String(dice.int(0, 3))]);
      return request('GET', objectPath(dice), query, { headers });
    },
  ],
  HeadObject: [
    5,
    (dice, known) => request('HEAD', objectPath(dice), [], { headers: conditions(dice, known) }),
  ],
  GetObjectAttributes: [
    2,
    (dice) =>
      request('GET', objectPath(dice), [['attributes', '']], {
        headers: [
          [
            'x-amz-object-attributes',
            dice.pick(['ETag', 'ETag,Checksum,ObjectParts,StorageClass,ObjectSize', 'Foo']),
          ],
        ],
      }),
  ],
  DeleteObject: [3, (dice) => request('DELETE', objectPath(dice))],
  DeleteObjects: [
    3,
    (dice) => {
      const objects = Array.from(
        { length: dice.int(1, 5) },
        () => `<Object><Key>${quoted(dice.pick(keys))}</Key></Object>`,
      );
      return request(
        'POST',
        bucketPath(dice),
        [['delete', '']],
        document(`<Delete>${objects.join('')}<Quiet>${dice.chance(0.5)}</Quiet></Delete>`),
      );
    },
  ],
  CopyObject: [
    4,
    (dice, known) =>
      request('PUT', objectPath(dice), [], {
        headers: [
          ['x-amz-copy-source', objectPath(dice)],
          ['x-amz-metadata-directive', dice.pick(['COPY', 'REPLACE'])],
          ...writeHeaders(dice),
          ...conditions(dice, known, 'x-amz-copy-source-if-'),
        ],
      }),
  ],
  GetObjectTagging: [1, (dice) => request('GET', objectPath(dice), [['tagging', '']])],
  DeleteObjectTagging: [1, (dice) => request('DELETE', objectPath(dice), [['tagging', '']])],
  PutObjectTagging: [
    2,
    (dice) =>
      request(
        'PUT',
        objectPath(dice),
        [['tagging', '']],
        document(
          `<Tagging><TagSet><Tag><Key>${dice.word(5)}</Key><Value>${quoted(dice.pick(keys))}</Value></Tag></TagSet></Tagging>`,
        ),
      ),
  ],
  ObjectSettings: [
    1,
    (dice) =>
      request(dice.pick(['GET', 'PUT', 'POST']), objectPath(dice), [
        [dice.pick(['acl', 'legal-hold', 'retention', 'restore', 'torrent', 'select']), ''],
      ]),
  ],
  CreateMultipartUpload: [
    4,
    (dice) => request('POST', objectPath(dice), [['uploads', '']], { headers: writeHeaders(dice) }),
  ],
  UploadPart: [
    10,
    (dice, known) => {
      const { path, query } = uploadQuery(dice, known);
      return request(
        'PUT',
        path,
        [['partNumber', String(dice.int(1, 5))], ...query],
        put(dice, payload(dice)),
      );
    },
  ],
  UploadPartCopy: [
    3,
    (dice, known) => {
      const { path, query } = uploadQuery(dice, known);
      const headers: Pairs = [['x-amz-copy-source', objectPath(dice)]];
      if (dice.chance(0.5)) headers.push(['x-amz-copy-source-range', range(dice)]);
      return request('PUT', path, [['partNumber', String(dice.int(1, 5))], ...query], { headers });
    },
  ],
  CompleteMultipartUpload: [
    5,
    (dice, known) => {
      const { path, query } = uploadQuery(dice, known);
      const parts = Array.from({ length: dice.int(1, 4) }, (_, index) => {
        const tag = quoted(etag(dice, known.etags));
        return `<Part><PartNumber>${dice.chance(0.9) ? index + 1 : dice.int(-1, 10_001)}</PartNumber><ETag>${tag}</ETag></Part>`;
      });
      const text = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`;
      return request('POST', path, query, { body: Buffer.from(text) });
    },
  ],
  AbortMultipartUpload: [
    2,
    (dice, known) => {
      const { path, query } = uploadQuery(dice, known);
      return request('DELETE', path, query);
    },
  ],
  ListParts: [
    3,
    (dice, known) => {
      const { path, query } = uploadQuery(dice, known);
      return request('GET', path, [...query, ...listing(dice, ['max-parts', 'part-number-marker'])]);
    },
  ],
  ListMultipartUploads: [
    2,
    (dice) =>
      request('GET', bucketPath(dice), [
        ['uploads', ''],
        ...listing(dice, [
          'prefix',
          'delimiter',
          'key-marker',
          'upload-id-marker',
          'max-uploads',
          'encoding-type',
        ]),
      ]),
  ],
};

const lots = Object.entries(makers).flatMap(([action, [weight]]) => Array<string>(weight).fill(action));

export function validDraft(dice: Dice, known: Known): Draft {
  const action = dice.pick(lots);
  const [, make] = makers[action] as readonly [number, Make];
  return { action, auth: 'header', ...make(dice, known) };
}
