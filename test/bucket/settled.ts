import { describe, expect, it } from 'vitest';
import { put } from '../upload-path/kit.ts';
import { ask, failure, putDocument } from './kit.ts';
import type { BucketSubject } from './suite.ts';

/** Answers of a fresh bucket: sub-resource, status, and code or what the document says. */
const readings: ReadonlyArray<readonly [sub: string, status: number, told: RegExp]> = [
  ['accelerate', 200, /<AccelerateConfiguration xmlns="[^"]+"><\/AccelerateConfiguration>$/],
  ['requestPayment', 200, /<RequestPaymentConfiguration [^>]+><Payer>BucketOwner<\/Payer></],
  ['logging', 200, /<BucketLoggingStatus [^>]+><\/BucketLoggingStatus>$/],
  ['notification', 200, /<NotificationConfiguration [^>]+><\/NotificationConfiguration>$/],
  ['abac', 200, /<AbacStatus [^>]+><Status>Disabled<\/Status><\/AbacStatus>$/],
  ['analytics', 200, /<ListBucketAnalyticsConfigurationResult [^>]+><IsTruncated>false</],
  ['inventory', 200, /<ListInventoryConfigurationsResult [^>]+><IsTruncated>false</],
  ['metrics', 200, /<ListMetricsConfigurationsResult [^>]+><IsTruncated>false</],
  ['intelligent-tiering', 200, /<ListBucketIntelligentTieringConfigurationsOutput [^>]+><IsTruncated>false</],
  ['ownershipControls', 200, /<Rule><ObjectOwnership>BucketOwnerEnforced<\/ObjectOwnership><\/Rule>/],
  ['acl', 200, /<Owner><ID>[0-9a-f]{64}<\/ID>.*xsi:type="CanonicalUser"><ID>.*FULL_CONTROL/s],
  ['website', 404, /<Code>NoSuchWebsiteConfiguration<.*<BucketName>/],
  ['replication', 404, /<Code>ReplicationConfigurationNotFoundError<.*<BucketName>/],
  ['object-lock', 404, /<Code>ObjectLockConfigurationNotFoundError<.*<BucketName>/],
  ['publicAccessBlock', 404, /<Code>NoSuchPublicAccessBlockConfiguration</],
  ['metadataConfiguration', 404, /<Code>MetadataConfigurationNotFound</],
];

const named = ['analytics', 'inventory', 'metrics', 'intelligent-tiering'];

export function settledTests(subject: BucketSubject): void {
  describe('configuration that a bucket does not have', () => {
    it('is answered as AWS answers of a new bucket, and not of one that is not there', async () => {
      const bucket = await subject.bucket();
      for (const [sub, status, told] of readings) {
        const answer = await ask(subject, 'GET', `/${bucket}`, sub);
        expect([sub, answer.status, answer.text]).toEqual([sub, status, expect.stringMatching(told)]);
        const missing = await ask(subject, 'GET', '/no-such-bucket-anywhere', sub);
        expect([sub, missing.status, missing.element('Code')]).toEqual([sub, 404, 'NoSuchBucket']);
      }
    });

    it.each(named)('has no %s by any ID', async (sub) => {
      const bucket = await subject.bucket();
      for (const method of ['GET', 'DELETE']) {
        const answer = await ask(subject, method, `/${bucket}`, sub, { query: { [sub]: '', id: 'x' } });
        expect(failure(answer)).toEqual([
          404,
          'NoSuchConfiguration',
          'The specified configuration does not exist.',
        ]);
      }
    });

    it.each([
      [
        'requestPayment',
        '<RequestPaymentConfiguration><Payer>%</Payer></RequestPaymentConfiguration>',
        'BucketOwner',
        'Requester',
      ],
      [
        'accelerate',
        '<AccelerateConfiguration><Status>%</Status></AccelerateConfiguration>',
        'Suspended',
        'Enabled',
      ],
      ['abac', '<AbacStatus><Status>%</Status></AbacStatus>', 'Disabled', 'Enabled'],
      [
        'logging',
        '<BucketLoggingStatus>%</BucketLoggingStatus>',
        '',
        '<LoggingEnabled><TargetBucket>b</TargetBucket></LoggingEnabled>',
      ],
      [
        'notification',
        '<NotificationConfiguration>%</NotificationConfiguration>',
        '',
        '<EventBridgeConfiguration/>',
      ],
      [
        'ownershipControls',
        '<OwnershipControls><Rule><ObjectOwnership>%</ObjectOwnership></Rule></OwnershipControls>',
        'BucketOwnerEnforced',
        'ObjectWriter',
      ],
    ])('takes the %s that is so, and no other', async (sub, document, settled, other) => {
      const bucket = await subject.bucket();
      const before = await ask(subject, 'GET', `/${bucket}`, sub);
      const same = await putDocument(subject, `/${bucket}`, sub, document.replace('%', settled));
      expect([same.status, same.text]).toEqual([200, '']);
      const change = await putDocument(subject, `/${bucket}`, sub, document.replace('%', other));
      expect(failure(change)).toEqual([501, 'NotImplemented', expect.stringMatching(/not implemented$/)]);
      const malformed = await putDocument(subject, `/${bucket}`, sub, '<Other/>');
      expect(failure(malformed).slice(0, 2)).toEqual([400, 'MalformedXML']);
      expect((await ask(subject, 'GET', `/${bucket}`, sub)).text.replace(/<RequestId>.*/, '')).toBe(
        before.text.replace(/<RequestId>.*/, ''),
      );
    });

    it.each([
      ['requestPayment', '<RequestPaymentConfiguration><Payer>Random</Payer></RequestPaymentConfiguration>'],
      ['accelerate', '<AccelerateConfiguration><Status>enabled</Status></AccelerateConfiguration>'],
      ['abac', '<AbacStatus><Status>Random</Status></AbacStatus>'],
    ])('finds a %s malformed that AWS does not know', async (sub, document) => {
      const bucket = await subject.bucket();
      const answer = await putDocument(subject, `/${bucket}`, sub, document);
      expect(failure(answer).slice(0, 2)).toEqual([400, 'MalformedXML']);
    });

    it('loses its ownership controls and gets them back', async () => {
      const bucket = await subject.bucket();
      expect((await ask(subject, 'DELETE', `/${bucket}`, 'ownershipControls')).status).toBe(204);
      expect(failure(await ask(subject, 'GET', `/${bucket}`, 'ownershipControls')).slice(0, 2)).toEqual([
        404,
        'OwnershipControlsNotFoundError',
      ]);
      const document =
        '<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>';
      await putDocument(subject, `/${bucket}`, 'ownershipControls', document);
      expect((await ask(subject, 'GET', `/${bucket}`, 'ownershipControls')).status).toBe(200);
    });

    it('keeps a public access block', async () => {
      const bucket = await subject.bucket();
      const document =
        '<PublicAccessBlockConfiguration><BlockPublicAcls>TRUE</BlockPublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>';
      expect((await putDocument(subject, `/${bucket}`, 'publicAccessBlock', document)).status).toBe(200);
      const kept = await ask(subject, 'GET', `/${bucket}`, 'publicAccessBlock');
      expect(
        ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'].map((name) =>
          kept.element(name),
        ),
      ).toEqual(['true', 'false', 'true', 'false']);
      expect((await ask(subject, 'DELETE', `/${bucket}`, 'publicAccessBlock')).status).toBe(204);
      expect((await ask(subject, 'GET', `/${bucket}`, 'publicAccessBlock')).status).toBe(404);
    });
  });

  describe('access control lists', () => {
    const grant = (id: string, permission: string) =>
      `<AccessControlPolicy><Owner><ID>x</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>${id}</ID></Grantee><Permission>${permission}</Permission></Grant></AccessControlList></AccessControlPolicy>`;

    it.each(['', '/key'])('of a bucket%s are the owner’s alone', async (suffix) => {
      const bucket = await subject.bucket();
      await put(subject, bucket, 'key', Buffer.from('x'));
      const path = `/${bucket}${suffix}`;
      const read = await ask(subject, 'GET', path, 'acl');
      const owner = read.element('ID') ?? '';
      expect([read.status, read.element('Permission')]).toEqual([200, 'FULL_CONTROL']);

      const refused = [400, 'AccessControlListNotSupported', 'The bucket does not allow ACLs'];
      const withHeaders = (headers: Record<string, string>) => ask(subject, 'PUT', path, 'acl', { headers });
      for (const acl of ['private', 'bucket-owner-full-control']) {
        expect((await withHeaders({ 'x-amz-acl': acl })).status).toBe(200);
      }
      expect(failure(await withHeaders({ 'x-amz-acl': 'public-read' }))).toEqual(refused);
      expect(failure(await withHeaders({ 'x-amz-grant-read': `id="${owner}"` }))).toEqual(refused);
      expect(failure(await withHeaders({ 'x-amz-acl': 'x' })).slice(0, 2)).toEqual([400, 'InvalidArgument']);
      expect(failure(await withHeaders({})).slice(0, 2)).toEqual([400, 'MissingSecurityHeader']);
      expect((await putDocument(subject, path, 'acl', grant(owner, 'FULL_CONTROL'))).status).toBe(200);
      expect(failure(await putDocument(subject, path, 'acl', grant(owner, 'READ')))).toEqual(refused);
      expect(failure(await putDocument(subject, path, 'acl', grant('other', 'FULL_CONTROL')))).toEqual(
        refused,
      );
      expect(failure(await putDocument(subject, path, 'acl', '<x')).slice(0, 2)).toEqual([
        400,
        'MalformedACLError',
      ]);
      const both = await putDocument(subject, path, 'acl', grant(owner, 'FULL_CONTROL'), {
        'x-amz-acl': 'private',
      });
      expect(failure(both).slice(0, 2)).toEqual([400, 'UnexpectedContent']);
      expect((await ask(subject, 'GET', path, 'acl')).text).toBe(read.text);
    });

    it('of what is not there do not exist', async () => {
      const bucket = await subject.bucket();
      for (const method of ['GET', 'PUT']) {
        const headers = { 'x-amz-acl': 'private' };
        expect((await ask(subject, method, `/${bucket}/none`, 'acl', { headers })).element('Code')).toBe(
          'NoSuchKey',
        );
        expect((await ask(subject, method, '/no-such-bucket-x', 'acl', { headers })).element('Code')).toBe(
          'NoSuchBucket',
        );
      }
    });
  });
}
