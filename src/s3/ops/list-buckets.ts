import { maySee } from '../access/authorize.ts';
import { decodeToken, encodeToken } from '../listing.ts';
import type { Operation } from '../operation.ts';
import { integerParameter } from '../parameters.ts';
import { xmlReply } from '../reply.ts';

const maxBuckets = 10_000;

/** ListBuckets, with the paging of 2024 (`max-buckets`, `continuation-token`, `prefix`, `bucket-region`). */
export const listBuckets: Operation = {
  action: 'ListBuckets',
  permission: 's3:ListAllMyBuckets',
  route: { method: 'GET', on: 'service' },
  body: 'none',
  async handle(context) {
    const { settings, storage } = context.gateway;
    const { query } = context.target;
    const prefix = query.get('prefix');
    const limit = integerParameter(context, 'max-buckets', maxBuckets, { min: 1, max: maxBuckets });
    const token = query.get('continuation-token');
    const after = token === undefined || token === '' ? undefined : decodeToken(token);
    const region = query.get('bucket-region');
    const all = await storage.listBuckets(context.signal);
    const wanted = all.filter(
      ({ name }) =>
        (prefix === undefined || name.startsWith(prefix)) &&
        (after === undefined || name > after) &&
        (region === undefined || region === '' || region === settings.region) &&
        maySee(context, name),
    );
    const page = wanted.slice(0, limit);
    const last = page.at(-1);
    const isOldForm = ['prefix', 'max-buckets', 'bucket-region'].every((name) => !query.has(name));
    return xmlReply('ListAllMyBucketsResult', {
      Owner: { ID: settings.owner.id, DisplayName: settings.owner.displayName },
      Buckets: {
        Bucket: page.map(({ name, createdAt }) => ({
          Name: name,
          CreationDate: createdAt,
          ...(isOldForm ? {} : { BucketRegion: settings.region }),
          BucketArn: `arn:aws:s3:::${name}`,
        })),
      },
      ContinuationToken:
        wanted.length > page.length && last !== undefined ? encodeToken(last.name) : undefined,
      Prefix: prefix,
    });
  },
};
