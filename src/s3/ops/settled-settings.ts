/**
 * Settings that a bucket has in one way only. Tools that manage buckets write them all, so a document that states what is so already is taken, and
 * anything else refused: nothing is ever accepted that does not happen.
 */
import { requireBucket } from '../bucket/documents-of.ts';
import { S3Error } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { emptyReply } from '../reply.ts';
import { malformedXml, optionalText, parseXml, requiredText, type XmlElement } from '../xml.ts';

const maxBytes = 64 * 1024;

interface Setting {
  readonly action: string;
  readonly permission: string;
  readonly sub: string;
  readonly root: string;
  /** The element that asks for what no bucket here has; `undefined` when none does. Throws MalformedXML. */
  readonly asksFor: (document: XmlElement) => string | undefined;
}

const settings: readonly Setting[] = [
  {
    action: 'PutBucketRequestPayment',
    permission: 's3:PutBucketRequestPayment',
    sub: 'requestPayment',
    root: 'RequestPaymentConfiguration',
    asksFor: (document) => unless(requiredText(document, 'Payer'), 'BucketOwner', 'Requester'),
  },
  {
    action: 'PutBucketAccelerateConfiguration',
    permission: 's3:PutAccelerateConfiguration',
    sub: 'accelerate',
    root: 'AccelerateConfiguration',
    asksFor: (document) => unless(optionalText(document, 'Status'), 'Suspended', 'Enabled'),
  },
  {
    action: 'PutBucketLogging',
    permission: 's3:PutBucketLogging',
    sub: 'logging',
    root: 'BucketLoggingStatus',
    asksFor: firstChild,
  },
  {
    action: 'PutBucketNotificationConfiguration',
    permission: 's3:PutBucketNotification',
    sub: 'notification',
    root: 'NotificationConfiguration',
    asksFor: firstChild,
  },
  {
    action: 'PutBucketAbac',
    permission: 's3:PutBucketAbac',
    sub: 'abac',
    root: 'AbacStatus',
    asksFor: (document) => unless(optionalText(document, 'Status'), 'Disabled', 'Enabled'),
  },
];

function unless(text: string | undefined, settled: string, other: string): string | undefined {
  const value = text?.trim();
  if (value === undefined || value === settled) return undefined;
  if (value !== other) throw malformedXml(`${value} is neither ${settled} nor ${other}`);
  return value;
}

function firstChild({ children }: XmlElement): string | undefined {
  return children[0]?.name;
}

export const settledSettings: readonly Operation[] = settings.map(
  ({ action, asksFor, permission, root, sub }) => ({
    action,
    permission,
    route: { method: 'PUT', on: 'bucket', sub },
    body: 'document',
    async handle(context) {
      const document = await context.body.read(maxBytes);
      await requireBucket(context);
      const asked = asksFor(parseXml(document, { root }));
      if (asked !== undefined) {
        throw new S3Error('NotImplemented', { extra: { Header: sub, additionalMessage: asked } });
      }
      return emptyReply(200);
    },
  }),
);
