import { judgePostPolicy, parsePostPolicy, type SizeRange } from '../../auth/post-policy.ts';
import { requireAccess } from '../access/authorize.ts';
import type { ChecksumAlgorithm } from '../checksums/algorithms.ts';
import type { Digests } from '../checksums/digest-set.ts';
import { planChecksums, requireChecksum } from '../checksums/plan.ts';
import { readChecksumAlgorithm } from '../checksums/upload-checksum.ts';
import { encryptionOf } from '../encryption/write.ts';
import { S3Error } from '../errors.ts';
import { quoteEtag } from '../etag.ts';
import { formReply } from '../forms/answer.ts';
import { type FormFields, fieldsOf, headersOf, missingField } from '../forms/fields.ts';
import { type Form, readForm } from '../forms/multipart.ts';
import { boundaryOf } from '../forms/part-head.ts';
import { storeFile } from '../forms/store.ts';
import { keyProblem } from '../names.ts';
import { checksumHeaders } from '../object-checksum.ts';
import { objectLocation } from '../object-location.ts';
import { readObjectSettings } from '../object-settings.ts';
import type { Operation, Reply, RequestContext } from '../operation.ts';
import { maxBodySize } from '../request-body.ts';
import { parseTagging } from '../xml/tagging.ts';

/** A browser's upload: the form brings signature, key, headers and bytes ("POST Object"). */
export const postObject: Operation = {
  action: 'PostObject',
  permission: 's3:PutObject',
  asksItself: true,
  route: { method: 'POST', on: 'bucket' },
  body: 'document',
  async handle(request) {
    const boundary = boundaryOf(request.headers.get('content-type'));
    request.body.objectSize();
    const { stream } = request.body.open({});
    try {
      return await store(request, await readForm(stream, boundary));
    } finally {
      // Of a form that is refused the rest is thrown away, which nobody else must be reading then.
      stream.destroy();
    }
  },
};

async function store(request: RequestContext, form: Form): Promise<Reply> {
  const fields = fieldsOf(form);
  const key = keyOf(fields);
  const auth = request.authenticateForm(fields);
  const sizes = judgePolicy(request, fields, auth.kind === 'anonymous');
  const headers = headersOf(fields);
  // Headers of S3 are what the form says: nothing is done that the request's own would ask for, so no policy may see them.
  const context: RequestContext = {
    ...request,
    key,
    auth,
    headers: new Map(
      [...request.headers]
        .filter(([name]) => !/^(?:x-amz-|if-)/.test(name))
        .concat([...headers].filter(([name]) => name.startsWith('x-amz-'))),
    ),
  };
  const tagging = fields.get('tagging');
  const tags = tagging === undefined ? undefined : parseTagging(Buffer.from(tagging));
  const { bucket, gateway, scheme } = context;
  const needed = [
    's3:PutObject',
    ...(tags === undefined ? [] : ['s3:PutObjectTagging']),
    ...(fields.has('acl') ? ['s3:PutObjectAcl'] : []),
  ];
  for (const action of needed) {
    await requireAccess(context, { action, bucket, key }, tags === undefined ? {} : { requested: tags });
  }

  const settings = { ...readObjectSettings(headers), ...(tags !== undefined && { tags }) };
  const plan = planChecksums(headers, { kind: 'unsigned' });
  requireNamedChecksum(headers, plan.checksum?.algorithm);
  const encryption = await encryptionOf({ bucket, gateway, headers, key, scheme });
  const algorithm = plan.checksum?.algorithm ?? gateway.settings.defaultChecksum;

  const info = await storeFile(limited(form.file.bytes, sizes.max), {
    gateway,
    bucket,
    key,
    encryption,
    algorithms: algorithm === undefined ? [] : [algorithm],
    check(size, digests) {
      if (size < sizes.min) {
        throw new S3Error('EntityTooSmall', { extra: { ProposedSize: size, MinSizeAllowed: sizes.min } });
      }
      requireDigests(plan, digests);
    },
    attributes: (size, digests) => ({
      ...settings,
      etag: encryption.etag(digests.md5),
      ...(algorithm !== undefined && {
        checksum: { algorithm, type: 'FULL_OBJECT', value: digests.base64(algorithm) },
      }),
      ...encryption.attributes(size),
    }),
  });
  return formReply(
    fields,
    { bucket, key, etag: quoteEtag(info.attributes.etag), location: objectLocation(context) },
    { ...checksumHeaders(info.attributes.checksum), ...encryption.headers },
  );
}

function keyOf(fields: FormFields): string {
  const key = fields.get('key');
  if (key === undefined || key === '') throw missingField('key');
  const problem = keyProblem(key) ?? (key.includes('\0') ? new S3Error('InvalidURI') : undefined);
  if (problem !== undefined) throw problem;
  return key;
}

/** "If a value is specified, you must include the matching checksum header" (x-amz-checksum-algorithm). */
function requireNamedChecksum(
  headers: ReadonlyMap<string, string>,
  sent: ChecksumAlgorithm | undefined,
): void {
  const named = headers.get('x-amz-checksum-algorithm');
  if (named === undefined || readChecksumAlgorithm(named) === sent) return;
  throw new S3Error('InvalidRequest', {
    message:
      'x-amz-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
  });
}

/** The sizes that a file may have: as the policy says, and never above what one request may bring. */
function judgePolicy({ bucket }: RequestContext, fields: FormFields, isAnonymous: boolean): SizeRange {
  const policy = fields.get('policy');
  if (policy === undefined || isAnonymous) return { min: 0, max: maxBodySize };
  const { max, min } = judgePostPolicy(parsePostPolicy(policy), fields, bucket, new Date());
  return { min, max: Math.min(max, maxBodySize) };
}

/** Reads a file that is too large to its end, where that can be had, since the error names its size. */
async function* limited(file: AsyncIterable<Buffer>, max: number): AsyncGenerator<Buffer, void, undefined> {
  let size = 0;
  for await (const chunk of file) {
    size += chunk.length;
    if (size <= max) yield chunk;
    else if (size > max + maxExcess) break;
  }
  if (size > max) throw new S3Error('EntityTooLarge', { extra: { ProposedSize: size, MaxSizeAllowed: max } });
}

/** Bytes beyond the limit that are read to tell the size. */
const maxExcess = 8 * 1024 * 1024;

function requireDigests(plan: ReturnType<typeof planChecksums>, digests: Digests): void {
  const { checksum, contentMd5 } = plan;
  if (contentMd5 !== undefined && !digests.raw('MD5').equals(contentMd5)) {
    throw new S3Error('BadDigest', {
      extra: { ExpectedDigest: contentMd5.toString('hex'), CalculatedDigest: digests.base64('MD5') },
    });
  }
  if (checksum !== undefined) requireChecksum(checksum, digests.raw(checksum.algorithm), undefined);
}
