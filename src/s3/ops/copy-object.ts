import type { ObjectAttributes, ObjectInfo } from '../../../adapters/types.ts';
import { readWritePrecondition } from '../../http/conditions.ts';
import { readObjectHeaders, readUserMetadata } from '../../http/headers.ts';
import { expirationHeaders } from '../bucket/lifecycle-headers.ts';
import { type ChecksumAlgorithm, checksumAlgorithmNamed } from '../checksums/algorithms.ts';
import { readChecksumAlgorithm } from '../checksums/upload-checksum.ts';
import {
  aboutSource,
  type CopySource,
  headCopySource,
  maxCopySize,
  parseCopySource,
  requireTagsOfSource,
} from '../copy-source.ts';
import { grantCopy, openState, type ReadGrant } from '../encryption/read.ts';
import { encryptionOf, type WriteEncryption } from '../encryption/write.ts';
import { S3Error } from '../errors.ts';
import { quoteEtag } from '../etag.ts';
import { hashStream } from '../hashed-stream.ts';
import { checksumElements, objectChecksumOf } from '../object-checksum.ts';
import {
  type ObjectSettings,
  readOwnHeaders,
  readTags,
  refuseUnsupported,
  requireSystemSize,
} from '../object-settings.ts';
import type { Operation, RequestContext } from '../operation.ts';
import { plainSizeOf } from '../read.ts';
import { xmlReply } from '../reply.ts';
import { refuseBody } from '../request-body.ts';
import { type ConditionalWrite, writeConditionally } from '../write-condition.ts';

export const copyObject: Operation = {
  action: 'CopyObject',
  permission: 's3:PutObject',
  route: { method: 'PUT', on: 'object', copy: true },
  body: 'none',
  slow: true,
  async handle(context) {
    const { bucket, gateway, headers, key } = context;
    refuseBody(context);
    refuseUnsupported(headers);
    const source = parseCopySource(headers.get('x-amz-copy-source') ?? '', gateway.settings.accessPoints);
    const condition = readWritePrecondition(headers);
    const asked = headers.get('x-amz-checksum-algorithm');
    const algorithm = asked === undefined ? undefined : readChecksumAlgorithm(asked);
    const directives = readDirectives(context);
    // AWS measures it before it knows whether it is wanted.
    const ownMetadata = readUserMetadata(headers);
    await refuseIdleCopy(context, source, directives);

    const info = await headCopySource(context, source);
    if (directives.tagging === 'COPY') await requireTagsOfSource(context, source, info.attributes.tags);
    if (plainSizeOf(info) > maxCopySize) {
      throw new S3Error('InvalidRequest', {
        message: `The specified copy source is larger than the maximum allowable size for a copy source: ${maxCopySize}`,
      });
    }
    const grant = grantCopy(context, source, info);
    const encryption = await encryptionOf(context, grant.envelope);
    const settings = copiedSettings(context, info, directives, ownMetadata);
    const copied = await writeConditionally(
      { storage: gateway.storage.for(bucket), bucket, key, condition },
      (conditional) => copy(context, { source, info, settings, algorithm, conditional, grant, encryption }),
    );
    const content = {
      LastModified: copied.lastModified,
      ETag: quoteEtag(copied.attributes.etag),
      ...checksumElements(copied.attributes.checksum),
    };
    const expiration = await expirationHeaders(context);
    return xmlReply('CopyObjectResult', content, { ...encryption.headers, ...expiration(copied) });
  },
};

interface Directives {
  readonly metadata: 'COPY' | 'REPLACE';
  readonly tagging: 'COPY' | 'REPLACE';
}

function readDirectives({ headers }: RequestContext): Directives {
  const read = (name: string, what: string): 'COPY' | 'REPLACE' => {
    const value = headers.get(name);
    if (value === undefined || value === 'COPY') return 'COPY';
    if (value === 'REPLACE') return 'REPLACE';
    throw new S3Error('InvalidArgument', {
      message: `Unknown ${what} directive.`,
      extra: { ArgumentName: name, ArgumentValue: value },
    });
  };
  return {
    metadata: read('x-amz-metadata-directive', 'metadata'),
    tagging: read('x-amz-tagging-directive', 'tagging'),
  };
}

/** What a copy of an object onto itself may change besides its metadata. */
const changing = [
  'x-amz-storage-class',
  'x-amz-website-redirect-location',
  'x-amz-checksum-algorithm',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-customer-algorithm',
];

/** A bucket that was told how to encrypt may give its objects that encryption: AWS lets such copies through. */
async function refuseIdleCopy(
  { bucket, gateway, headers, key }: RequestContext,
  source: CopySource,
  directives: Directives,
): Promise<void> {
  const changes = directives.metadata === 'REPLACE' || changing.some((name) => headers.has(name));
  if (changes || source.bucket !== bucket || source.key !== key) return;
  if ((await gateway.encryption.bucketDefault?.(bucket)) !== undefined) return;
  throw new S3Error('InvalidRequest', {
    message:
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  });
}

/** Storage class and redirect are never copied: they are the request's ("CopyObject"). */
function copiedSettings(
  { headers }: RequestContext,
  info: ObjectInfo,
  directives: Directives,
  ownMetadata: ObjectAttributes['metadata'],
): ObjectSettings {
  const { attributes } = info;
  const {
    'x-amz-storage-class': _class,
    'x-amz-website-redirect-location': _redirect,
    ...sourceHeaders
  } = attributes.headers;
  const replace = directives.metadata === 'REPLACE';
  const tags = directives.tagging === 'REPLACE' ? readTags(headers) : attributes.tags;
  const given = { ...(replace && readObjectHeaders(headers)), ...readOwnHeaders(headers) };
  requireSystemSize(given);
  return {
    headers: replace ? given : { ...sourceHeaders, ...given },
    metadata: replace ? ownMetadata : attributes.metadata,
    ...(tags !== undefined && { tags }),
  };
}

interface CopyCall {
  readonly source: CopySource;
  readonly info: ObjectInfo;
  readonly settings: ObjectSettings;
  readonly algorithm: ChecksumAlgorithm | undefined;
  readonly conditional: ConditionalWrite;
  readonly grant: ReadGrant;
  readonly encryption: WriteEncryption;
}

async function copy(context: RequestContext, call: CopyCall): Promise<ObjectInfo> {
  const { bucket, gateway, key } = context;
  const { conditional, encryption, grant, info, settings, source } = call;
  const storage = gateway.storage.for(bucket);
  const from = gateway.storage.for(source.bucket);
  const known = knownAttributes(call);
  if (known !== undefined && storage === from && encryption.isPlain && grant.keys === undefined) {
    return storage.copyObject({
      bucket,
      key,
      source: { ...source, version: info.version },
      attributes: {
        ...settings,
        ...known,
        ...encryption.attributes(plainSizeOf(info)),
        ...conditional.attributes,
      },
      ...conditional.call,
    });
  }

  // The copy of a multipart object is an object of one part: its MD5 and full checksum are known only by reading it.
  const algorithm =
    call.algorithm ??
    checksumAlgorithmNamed(info.attributes.checksum?.algorithm ?? '') ??
    gateway.settings.defaultChecksum;
  const size = plainSizeOf(info);
  const body = await aboutSource(source, () =>
    openState({ gateway, storage: from, info, signal: context.signal }, grant),
  );
  const hashed = hashStream(body, size, algorithm);
  try {
    return await storage.putObject({
      bucket,
      key,
      body: encryption.body({ stream: hashed.stream, size }, 0),
      attributes: () => {
        const digests = hashed.digests();
        return {
          ...settings,
          etag: encryption.etag(digests.md5),
          ...objectChecksumOf(digests),
          ...encryption.attributes(size),
          ...conditional.attributes,
        };
      },
      ...conditional.call,
    });
  } finally {
    // A target that refuses before it reads would leave the source open.
    hashed.stream.destroy();
  }
}

/** ETag and checksum of the copy where they are the source's: it was written in one request, and no other checksum is asked for. */
function knownAttributes({
  algorithm,
  info,
}: CopyCall): Pick<ObjectAttributes, 'etag' | 'checksum'> | undefined {
  const { checksum, etag, parts } = info.attributes;
  const isMd5 = /^[0-9a-f]{32}$/.test(etag);
  if (!isMd5 || parts !== undefined || checksum === undefined) return undefined;
  if (algorithm !== undefined && algorithm !== checksum.algorithm) return undefined;
  return { etag, checksum };
}
