/** How the operations of a bucket's configuration take, keep and give their documents. */
import { S3Error } from '../errors.ts';
import type { Gateway, RequestContext } from '../operation.ts';
import type { DocumentName } from './documents.ts';

/** Texts and characters that {@link remembering} keeps at most. */
const capacity = 1_000;
const maxLength = 8 * 1024 * 1024;

/** The same text is parsed once: many requests ask for the configuration of few buckets. */
export function remembering<T>(parse: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  let length = 0;
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const parsed = parse(text);
    length += text.length;
    if (known.size >= capacity || length > maxLength) {
      known.clear();
      length = text.length;
    }
    known.set(text, parsed);
    return parsed;
  };
}

/** What mends a document: whoever may do these replaces or removes it without a look at what was there. */
const menders = {
  cors: ['PutBucketCors', 'DeleteBucketCors'],
  encryption: ['PutBucketEncryption', 'DeleteBucketEncryption'],
  lifecycle: ['PutBucketLifecycleConfiguration', 'DeleteBucketLifecycle'],
  ownershipControls: ['PutBucketOwnershipControls', 'DeleteBucketOwnershipControls'],
  policy: ['PutBucketPolicy', 'DeleteBucketPolicy'],
  publicAccessBlock: ['PutPublicAccessBlock', 'DeletePublicAccessBlock'],
  tagging: ['PutBucketTagging', 'DeleteBucketTagging'],
} as const satisfies Record<DocumentName, readonly [string, string]>;

/**
 * A document that was kept and is not one any more: a disk that failed, a hand that slipped. What depends on it is refused, since nobody knows
 * what it forbade. AWS has no such error.
 */
export class DamagedDocument extends S3Error {
  /** For the log. */
  readonly advice: string;

  constructor(bucket: string, name: DocumentName, cause: unknown) {
    const mended = menders[name].join(' or ');
    const decides = name === 'policy' || name === 'publicAccessBlock';
    super(decides ? 'AccessDenied' : 'InternalError', {
      message: `The ${name} document of this bucket is damaged. ${mended} mends it.`,
      cause,
    });
    this.advice = `the document ${name} of bucket ${bucket} is damaged: what depends on it is refused until ${mended}`;
  }
}

/** What a bucket has of that name; `undefined` when it has none. NoSuchBucket, {@link DamagedDocument}. */
export async function storedOf<T>(
  gateway: Pick<Gateway, 'documents'>,
  bucket: string,
  name: DocumentName,
  parse: (text: string) => T,
): Promise<T | undefined> {
  const text = await gateway.documents.get(bucket, name);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    throw new DamagedDocument(bucket, name, error);
  }
}

/**
 * Reads a document that AWS takes only with something to verify it by ("Content-MD5 … must be used as a message integrity check"); a
 * checksum will do.
 */
export async function readVerified(context: RequestContext, maxBytes: number): Promise<Buffer> {
  if (!context.body.hasIntegrity()) {
    throw new S3Error('InvalidRequest', {
      message: 'Missing required header for this request: Content-MD5',
    });
  }
  return context.body.read(maxBytes);
}

/** NoSuchBucket, for answers that need nothing else of the bucket. */
export async function requireBucket({ bucket, gateway, signal }: RequestContext): Promise<void> {
  await gateway.storage.for(bucket).headBucket({ bucket, signal });
}
