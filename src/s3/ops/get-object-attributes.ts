import type { ObjectInfo, ObjectPart } from '../../../adapters/types.ts';
import { readConditions } from '../../http/conditions.ts';
import { withoutPartCount } from '../checksums/multipart.ts';
import { grantRead } from '../encryption/read.ts';
import { S3Error } from '../errors.ts';
import { checksumElements } from '../object-checksum.ts';
import type { Operation, RequestContext } from '../operation.ts';
import { integerOf, pageLimit, refuseVersionId } from '../parameters.ts';
import { judgeRead, plainSizeOf } from '../read.ts';
import { xmlReply } from '../reply.ts';
import type { XmlNode } from '../xml.ts';

const known = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const;
type Attribute = (typeof known)[number];

export const getObjectAttributes: Operation = {
  action: 'GetObjectAttributes',
  permission: 's3:GetObjectAttributes',
  route: { method: 'GET', on: 'object', sub: 'attributes' },
  body: 'none',
  async handle(context) {
    refuseVersionId(context);
    const wanted = readWanted(context);
    const page = readPage(context);
    const { bucket, gateway, headers, key, signal } = context;
    const info = await gateway.storage.for(bucket).headObject({ bucket, key, signal });
    const grant = grantRead(context, info);
    judgeRead(info, readConditions(headers));

    const { checksum, etag, headers: own } = info.attributes;
    const has = (attribute: Attribute): boolean => wanted.has(attribute);
    return xmlReply(
      'GetObjectAttributesResponse',
      {
        // Without quotes here, unlike everywhere else.
        ETag: has('ETag') ? etag : undefined,
        Checksum:
          has('Checksum') && checksum !== undefined
            ? checksumElements({ ...checksum, value: withoutPartCount(checksum.value) })
            : undefined,
        ObjectParts: has('ObjectParts') ? partsElement(info, page) : undefined,
        StorageClass: has('StorageClass') ? (own['x-amz-storage-class'] ?? 'STANDARD') : undefined,
        ObjectSize: has('ObjectSize') ? plainSizeOf(info) : undefined,
      },
      { 'last-modified': info.lastModified.toUTCString(), ...grant.headers },
    );
  },
};

const header = 'x-amz-object-attributes';

/** A list, in one header or several. InvalidRequest when there is none, InvalidArgument for a name that S3 does not know. */
function readWanted({ headers }: RequestContext): ReadonlySet<string> {
  const text = headers.get(header) ?? '';
  if (text === '') {
    throw new S3Error('InvalidRequest', {
      message: `The ${header} header specifying the attributes to be retrieved is either missing or empty`,
    });
  }
  const names = text.split(',').map((name) => name.trim());
  const stranger = names.find((name) => !known.some((attribute) => attribute === name));
  if (stranger === undefined) return new Set(names);
  throw new S3Error('InvalidArgument', {
    message: 'Invalid attribute name specified.',
    extra: { ArgumentName: header, ArgumentValue: stranger },
  });
}

interface Page {
  readonly after: number;
  readonly limit: number;
}

function readPage({ headers }: RequestContext): Page {
  const [max, marker] = ['x-amz-max-parts', 'x-amz-part-number-marker'] as const;
  return {
    limit: Math.min(integerOf(max, headers.get(max), pageLimit), pageLimit),
    after: integerOf(marker, headers.get(marker), 0),
  };
}

/**
 * Parts are told of uploads that declared a checksum algorithm: how many, and each of them where it has a checksum of its own
 * ("GetObjectAttributes", ObjectParts).
 */
function partsElement(info: ObjectInfo, page: Page): XmlNode | undefined {
  const { checksum, parts } = info.attributes;
  if (parts === undefined || checksum?.declared !== true) return undefined;
  if (checksum.type === 'FULL_OBJECT') return { PartsCount: parts.length };
  const left = parts.filter(({ partNumber }) => partNumber > page.after);
  const shown = left.slice(0, page.limit);
  return {
    IsTruncated: page.limit > 0 && left.length > shown.length,
    MaxParts: page.limit,
    NextPartNumberMarker: shown.at(-1)?.partNumber ?? 0,
    PartNumberMarker: page.after,
    Part: shown.map((part) => partElement(part, `Checksum${checksum.algorithm}`)),
    PartsCount: parts.length,
  };
}

function partElement({ checksum, partNumber, size }: ObjectPart, element: string): XmlNode {
  return { [element]: checksum, PartNumber: partNumber, Size: size };
}
