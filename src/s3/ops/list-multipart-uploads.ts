import { isUploadId } from '../../uploads/id.ts';
import type { UploadRecord } from '../../uploads/types.ts';
import { S3Error } from '../errors.ts';
import { initiatorOf, settingsOf } from '../multipart/upload.ts';
import { encodeListingText } from '../names.ts';
import type { Operation, RequestContext } from '../operation.ts';
import { encodingType, integerParameter, pageLimit } from '../parameters.ts';
import { xmlReply } from '../reply.ts';
import type { XmlNode } from '../xml.ts';

export const listMultipartUploads: Operation = {
  action: 'ListMultipartUploads',
  permission: 's3:ListBucketMultipartUploads',
  route: { method: 'GET', on: 'bucket', sub: 'uploads' },
  body: 'none',
  async handle(context) {
    const { bucket, gateway } = context;
    const { query } = context.target;
    const limit = Math.min(integerParameter(context, 'max-uploads', pageLimit), pageLimit);
    const encoding = encodingType(context);
    const encode = encoding === 'url' ? encodeListingText : (text: string) => text;
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const keyMarker = query.get('key-marker') ?? '';
    // Without a key the upload marker says nothing ("ListMultipartUploads", upload-id-marker).
    const uploadIdMarker = keyMarker === '' ? '' : (query.get('upload-id-marker') ?? '');

    // A marker whose upload has ended since is fine: clients abort what they list. One that never was an ID is not.
    if (uploadIdMarker !== '' && !isUploadId(uploadIdMarker)) {
      throw new S3Error('InvalidArgument', {
        message: 'Invalid uploadId marker',
        extra: { ArgumentName: 'upload-id-marker', ArgumentValue: uploadIdMarker },
      });
    }
    await gateway.storage.for(bucket).headBucket({ bucket, signal: context.signal });
    const page =
      limit === 0
        ? { entries: [], truncated: false }
        : await gateway.uploads.listUploads({
            bucket,
            limit,
            ...(prefix !== '' && { prefix }),
            ...(delimiter !== '' && { delimiter }),
            ...(keyMarker !== '' && { keyMarker }),
            ...(uploadIdMarker !== '' && { uploadIdMarker }),
          });

    const uploads: XmlNode[] = [];
    const prefixes: XmlNode[] = [];
    for (const entry of page.entries) {
      if (entry.kind === 'prefix') prefixes.push({ Prefix: encode(entry.prefix) });
      else uploads.push(uploadElement(context, entry.upload, encode));
    }
    const last = page.entries.at(-1);
    return xmlReply('ListMultipartUploadsResult', {
      Bucket: bucket,
      KeyMarker: encode(keyMarker),
      UploadIdMarker: uploadIdMarker,
      // A truncated page that ends in a common prefix names that prefix: a client could not go on otherwise.
      NextKeyMarker: encode(last === undefined ? '' : last.kind === 'upload' ? last.upload.key : last.prefix),
      NextUploadIdMarker: last?.kind === 'upload' ? last.upload.uploadId : '',
      Prefix: prefix === '' ? undefined : encode(prefix),
      Delimiter: delimiter === '' ? undefined : encode(delimiter),
      EncodingType: encoding,
      MaxUploads: limit,
      IsTruncated: page.truncated,
      Upload: uploads,
      CommonPrefixes: prefixes,
    });
  },
};

function uploadElement(
  { gateway }: RequestContext,
  upload: UploadRecord,
  encode: (text: string) => string,
): XmlNode {
  const { owner } = gateway.settings;
  const { checksum, headers } = settingsOf(upload);
  return {
    Key: encode(upload.key),
    UploadId: upload.uploadId,
    Initiator: initiatorOf(gateway, upload),
    Owner: { ID: owner.id, DisplayName: owner.displayName },
    StorageClass: headers['x-amz-storage-class'] ?? 'STANDARD',
    Initiated: new Date(upload.initiatedAt),
    ChecksumAlgorithm: checksum?.algorithm,
    ChecksumType: checksum?.type,
  };
}
