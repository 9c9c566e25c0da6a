/** Settings that every bucket has in one way: reading them answers that, writing them is taken if it says the same. */
import { type Description, done, flag, list, nothing, record, type Schema, text } from './schema.ts';

const id = { id: { schema: text, required: true, example: 'one' } } as const;

function kept(summary: string, data: Schema): Description {
  return { summary, answer: { data } };
}

function confirmed(summary: string, example: string): Description {
  return { summary, body: { type: 'application/xml', example }, answer: nothing };
}

function none(name: string): Readonly<Record<string, Description>> {
  const error = 'NoSuchConfiguration';
  const plural = `${snake(name)}_configuration`;
  return {
    [`ListBucket${name}Configurations`]: kept(
      'List the configurations of a kind that no bucket has.',
      record({ is_truncated: flag, [plural]: list({}) }),
    ),
    [`GetBucket${name}Configuration`]: { summary: 'No bucket has one.', query: id, answer: { error } },
    [`DeleteBucket${name}Configuration`]: { summary: 'No bucket has one.', query: id, answer: { error } },
  };
}

function snake(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
}

export const settledActions: Readonly<Record<string, Description>> = {
  ...none('Analytics'),
  ...none('Inventory'),
  ...none('Metrics'),
  ...none('IntelligentTiering'),
  GetBucketAccelerateConfiguration: kept('No bucket is accelerated.', record({})),
  PutBucketAccelerateConfiguration: confirmed(
    'Confirm that a bucket is not accelerated.',
    '<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>',
  ),
  GetBucketRequestPayment: kept('The owner of a bucket pays.', record({ payer: { const: 'BucketOwner' } })),
  PutBucketRequestPayment: confirmed(
    'Confirm that the owner of a bucket pays.',
    '<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>',
  ),
  GetBucketLogging: kept('No bucket logs to another.', record({})),
  PutBucketLogging: confirmed('Confirm that a bucket does not log to another.', '<BucketLoggingStatus/>'),
  GetBucketNotificationConfiguration: kept(
    'No bucket notifies.',
    record({
      topic_configuration: list({}),
      queue_configuration: list({}),
      cloud_function_configuration: list({}),
    }),
  ),
  PutBucketNotificationConfiguration: confirmed(
    'Confirm that a bucket does not notify.',
    '<NotificationConfiguration/>',
  ),
  GetBucketAbac: kept('Tags of a bucket decide nothing.', record({ status: { const: 'Disabled' } })),
  PutBucketAbac: confirmed(
    'Confirm that tags of a bucket decide nothing.',
    '<AbacStatus><Status>Disabled</Status></AbacStatus>',
  ),
  GetBucketWebsite: { summary: 'No bucket is a website.', answer: { error: 'NoSuchWebsiteConfiguration' } },
  DeleteBucketWebsite: { summary: 'No bucket is a website.', answer: done },
  GetBucketReplication: {
    summary: 'No bucket is replicated.',
    answer: { error: 'ReplicationConfigurationNotFoundError' },
  },
  DeleteBucketReplication: { summary: 'No bucket is replicated.', answer: done },
  GetObjectLockConfiguration: {
    summary: 'No bucket locks its objects.',
    answer: { error: 'ObjectLockConfigurationNotFoundError' },
  },
  GetBucketMetadataConfiguration: {
    summary: 'No bucket has metadata tables.',
    answer: { error: 'MetadataConfigurationNotFound' },
  },
  DeleteBucketMetadataConfiguration: { summary: 'No bucket has metadata tables.', answer: done },
  GetBucketMetadataTableConfiguration: {
    summary: 'No bucket has metadata tables.',
    answer: { error: 'MetadataConfigurationNotFound' },
  },
  DeleteBucketMetadataTableConfiguration: { summary: 'No bucket has metadata tables.', answer: done },
};
