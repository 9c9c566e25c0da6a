/** Turns a good request into one that is good in parts. */
import type { Dice } from './dice.ts';
import { type Draft, encode, encodeKey } from './draft.ts';
import { nastyNumber, nastyText, range } from './values.ts';

type Mutation = (draft: Draft, dice: Dice) => void;

const methods = ['GET', 'PUT', 'POST', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND', 'LINK'];
const parameters = [
  ...[
    'acl',
    'attributes',
    'continuation-token',
    'delete',
    'delimiter',
    'encoding-type',
    'key-marker',
    'list-type',
  ],
  ...[
    'location',
    'marker',
    'max-keys',
    'max-parts',
    'max-uploads',
    'part-number-marker',
    'partNumber',
    'policy',
  ],
  ...['prefix', 'response-content-type', 'response-expires', 'start-after', 'tagging', 'torrent', 'uploadId'],
  ...[
    'upload-id-marker',
    'uploads',
    'versionId',
    'versioning',
    'versions',
    'x-id',
    'X-Amz-Expires',
    'select',
  ],
];
const headers = [
  ...[
    'cache-control',
    'content-disposition',
    'content-encoding',
    'content-language',
    'content-md5',
    'content-type',
  ],
  ...[
    'date',
    'expect',
    'expires',
    'if-match',
    'if-modified-since',
    'if-none-match',
    'if-range',
    'if-unmodified-since',
  ],
  ...[
    'origin',
    'range',
    'te',
    'x-amz-acl',
    'x-amz-bucket-object-lock-enabled',
    'x-amz-bypass-governance-retention',
  ],
  ...[
    'x-amz-checksum-algorithm',
    'x-amz-checksum-crc32',
    'x-amz-checksum-crc64nvme',
    'x-amz-checksum-sha256',
  ],
  ...['x-amz-checksum-type', 'x-amz-copy-source', 'x-amz-copy-source-if-match', 'x-amz-copy-source-range'],
  ...['x-amz-decoded-content-length', 'x-amz-expected-bucket-owner', 'x-amz-grant-read', 'x-amz-meta-a'],
  ...['x-amz-metadata-directive', 'x-amz-mp-object-size', 'x-amz-object-attributes', 'x-amz-request-payer'],
  ...[
    'x-amz-sdk-checksum-algorithm',
    'x-amz-security-token',
    'x-amz-server-side-encryption',
    'x-amz-storage-class',
  ],
  ...[
    'x-amz-server-side-encryption-customer-algorithm',
    'x-amz-server-side-encryption-customer-key',
    'x-amz-tagging',
  ],
  ...['x-amz-server-side-encryption-customer-key-md5', 'x-amz-trailer', 'x-amz-website-redirect-location'],
  ...['x-amz-write-offset-bytes', 'x-forwarded-host', 'x-forwarded-proto', 'x-http-method-override'],
];

/** What can stand in a header line at all; the rest is for {@link spoil}. */
function headerValue(dice: Dice): string {
  const value = dice.chance(0.3) ? nastyNumber(dice) : dice.chance(0.2) ? range(dice) : nastyText(dice);
  return Buffer.from(value.toWellFormed(), 'utf8')
    .toString('latin1')
    .replaceAll(/[\r\n\0]/g, '');
}

const mutations: readonly Mutation[] = [
  (draft, dice) => {
    draft.method = dice.pick(methods);
  },
  (draft, dice) => {
    draft.query.push([dice.pick(parameters), dice.chance(0.3) ? '' : nastyText(dice)]);
  },
  (draft, dice) => {
    draft.query.push([nastyText(dice), nastyText(dice)]);
  },
  (draft, dice) => {
    if (draft.query.length === 0) return;
    const pair = dice.pick(draft.query);
    pair[1] = dice.chance(0.5) ? nastyNumber(dice) : nastyText(dice);
  },
  (draft, dice) => {
    if (draft.query.length > 0) draft.query.splice(dice.int(0, draft.query.length - 1), 1);
  },
  (draft, dice) => {
    if (draft.query.length > 0) draft.query.push([...dice.pick(draft.query)]);
  },
  (draft, dice) => {
    draft.headers.push([dice.pick(headers), headerValue(dice)]);
  },
  (draft, dice) => {
    draft.headers.push([dice.pick(headers), headerValue(dice)]);
  },
  (draft, dice) => {
    if (draft.headers.length > 0) dice.pick(draft.headers)[1] = headerValue(dice);
  },
  (draft, dice) => {
    if (draft.headers.length > 0) draft.headers.push([...dice.pick(draft.headers)]);
  },
  (draft, dice) => {
    for (let count = dice.int(1, 60); count > 0; count--)
      draft.headers.push([`x-amz-meta-${dice.word(6)}`, dice.word(60)]);
  },
  (draft, dice) => {
    const [, bucket = ''] = draft.path.split('/');
    draft.path = `/${bucket}/${encodeKey(nastyText(dice))}${dice.chance(0.5) ? `/${encodeKey(nastyText(dice))}` : ''}`;
  },
  (draft, dice) => {
    draft.path = `/${encode(nastyText(dice))}${dice.chance(0.5) ? '/x' : ''}`;
  },
  (draft, dice) => {
    const insert = dice.pick([
      '/',
      '//',
      '/./',
      '/../',
      '%2F',
      '%2e%2e/',
      '%',
      '%zz',
      '%C0%AF',
      ';',
      '\\',
      '?',
      '..%2f',
    ]);
    const at = dice.int(1, draft.path.length);
    draft.path = draft.path.slice(0, at) + insert + draft.path.slice(at);
  },
  (draft, dice) => {
    draft.body = spoilBytes(draft.body, dice);
  },
  (draft, dice) => {
    draft.body = spoilXml(draft.body.toString('utf8'), dice);
  },
  (draft, dice) => {
    draft.payload = dice.pick([
      'UNSIGNED-PAYLOAD',
      'STREAMING-FOO',
      'x',
      'e'.repeat(64),
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    ]);
  },
];

export function mutate(draft: Draft, dice: Dice): void {
  for (let count = dice.pick([1, 1, 1, 2, 3, 5]); count > 0; count--) dice.pick(mutations)(draft, dice);
}

/** Flips, drops, doubles or inserts bytes here and there. */
export function spoilBytes(bytes: Buffer, dice: Dice): Buffer {
  let out = Buffer.from(bytes);
  for (let count = dice.int(1, 4); count > 0; count--) {
    const at = dice.int(0, Math.max(0, out.length - 1));
    const some = out.subarray(at, at + dice.int(1, 20));
    const [before, after] = [out.subarray(0, at), out.subarray(at)];
    const way = dice.int(0, 3);
    if (way === 0 && out.length > 0) out[at] = dice.int(0, 255);
    else if (way === 1) out = Buffer.concat([before, after.subarray(some.length)]);
    else if (way === 2) out = Buffer.concat([before, some, after]);
    else out = Buffer.concat([before, dice.bytes(dice.int(1, 8)), after]);
  }
  return out;
}

const snippets = [
  '<!DOCTYPE a [<!ENTITY x "y">]>',
  '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
  '&x;',
  '&#x0;',
  '&#x110000;',
  '<![CDATA[',
  ']]>',
  '<!--',
  '<?pi?>',
  '<a:b xmlns:a="x">',
  '</',
  '<Part>',
  '<a/>',
  '<a b="c" b="d"/>',
  '<Key></Key>',
];

function spoilXml(text: string, dice: Dice): Buffer {
  const at = dice.int(0, text.length);
  const deep = dice.chance(0.05) ? '<a>'.repeat(dice.int(10, 20_000)) : dice.pick(snippets);
  return Buffer.from(text.slice(0, at) + deep + text.slice(at));
}
