import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetBucketLifecycleConfigurationCommand,
  HeadObjectCommand,
  type LifecycleRule,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { createGateway } from '../../src/gateway.ts';
import { type GatewayOptions, settingsOf } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';
import { begin, bytes, get, put } from '../upload-path/kit.ts';
import { ask, failure, putDocument } from './kit.ts';
import type { BucketSubject } from './suite.ts';

const day = 24 * 60 * 60 * 1000;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** One run of the clean-up as another replica of the gateway does it, at a time of our choice. */
async function runAt(subject: BucketSubject, options: GatewayOptions, now: number) {
  const { deployment, port } = subject.gateway();
  const config = loadConfig({ env: settingsOf(options, deployment, port), cwd: deployment.dir });
  const replica = await createGateway(config, config.credentials, silent as never, () => now);
  try {
    return await replica.janitor.run();
  } finally {
    await replica.close();
  }
}

function rule(inner: string, filter = '<Filter/>', id = 'r'): string {
  return `<Rule><ID>${id}</ID>${filter}<Status>Enabled</Status>${inner}</Rule>`;
}
const configuration = (...rules: string[]) =>
  `<LifecycleConfiguration>${rules.join('')}</LifecycleConfiguration>`;
const expire = '<Expiration><Days>1</Days></Expiration>';
const abort =
  '<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>';
const midnightAfter = (since: number, days: number) =>
  new Date(Math.ceil((since + days * day) / day) * day).toUTCString();

export function lifecycleTests(subject: BucketSubject, options: GatewayOptions): void {
  const keys = async (Bucket: string) =>
    ((await subject.client.send(new ListObjectsV2Command({ Bucket }))).Contents ?? []).map(({ Key }) => Key);

  /** Dates are counted from midnights, which what is read twice must not straddle. */
  const awayFromMidnight = async (): Promise<void> => {
    const left = day - (Date.now() % day);
    if (left < 30_000) await sleep(left + 1000);
  };

  describe('lifecycle rules', () => {
    beforeEach(awayFromMidnight);
    let untouched: Promise<string> | undefined;
    it('are kept as they were written, and removed', async () => {
      const Bucket = await subject.bucket();
      const read = () => subject.client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
      expect(failure(await ask(subject, 'GET', `/${Bucket}`, 'lifecycle'))).toEqual([
        404,
        'NoSuchLifecycleConfiguration',
        'The lifecycle configuration does not exist',
      ]);
      const Rules: LifecycleRule[] = [
        { ID: 'by prefix', Status: 'Enabled', Filter: { Prefix: 'logs/' }, Expiration: { Days: 30 } },
        {
          ID: 'by tag',
          Status: 'Disabled',
          Filter: { Tag: { Key: 'a', Value: '' } },
          Expiration: { Date: new Date('2040-01-01') },
        },
        {
          ID: 'by all',
          Status: 'Enabled',
          Filter: {
            And: {
              Prefix: 'x & y/',
              Tags: [
                { Key: 'a', Value: '1' },
                { Key: 'b', Value: '2' },
              ],
              ObjectSizeGreaterThan: 0,
              ObjectSizeLessThan: 1_000_000,
            },
          },
          Expiration: { Days: 1 },
        },
        { ID: 'by size', Status: 'Enabled', Filter: { ObjectSizeGreaterThan: 5 }, Expiration: { Days: 3 } },
        {
          ID: 'uploads',
          Status: 'Enabled',
          Filter: { Prefix: '' },
          AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
        },
      ];
      const set = await subject.client.send(
        new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }),
      );
      expect(set.TransitionDefaultMinimumObjectSize).toBe('all_storage_classes_128K');
      expect((await read()).Rules).toEqual(Rules);

      // As the older PutBucketLifecycle has it, and without an ID.
      const older = configuration(
        '<Rule><Prefix>old/</Prefix><Status>Enabled</Status><Expiration><Days>5</Days></Expiration></Rule>',
      );
      expect((await putDocument(subject, `/${Bucket}`, 'lifecycle', older)).status).toBe(200);
      expect((await read()).Rules).toEqual([
        { ID: expect.stringMatching(/^\S{48}$/), Prefix: 'old/', Status: 'Enabled', Expiration: { Days: 5 } },
      ]);
      expect((await ask(subject, 'DELETE', `/${Bucket}`, 'lifecycle')).status).toBe(204);
      expect((await ask(subject, 'GET', `/${Bucket}`, 'lifecycle')).status).toBe(404);
    });

    it.each<readonly [string, string, number, string, RegExp]>([
      ['no rule', configuration(), 400, 'MalformedXML', /./],
      ['no filter', configuration(rule(expire, '')), 400, 'MalformedXML', /./],
      // What is not understood must not be taken for a filter that lets everything through.
      ...[
        '<Filter><prefix>a/</prefix></Filter>',
        '<Filter><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></Filter>',
        '<Filter><And><Prefix>a/</Prefix><ObjectSizeLargerThan>9</ObjectSizeLargerThan></And></Filter>',
        '<Filter/><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan>',
      ].map((filter) => [filter, configuration(rule(expire, filter)), 400, 'MalformedXML', /./] as const),
      [
        'no action',
        configuration(rule('')),
        400,
        'InvalidRequest',
        /^At least one action needs to be specified in a rule$/,
      ],
      ['no status', configuration(rule(expire).replace('Enabled', 'On')), 400, 'MalformedXML', /./],
      [
        'an ID twice',
        configuration(rule(expire), rule(expire)),
        400,
        'InvalidArgument',
        /^Rule ID must be unique\./,
      ],
      [
        'a long ID',
        configuration(rule(expire, '<Filter/>', 'x'.repeat(256))),
        400,
        'InvalidArgument',
        /^ID length should not exceed allowed limit of 255$/,
      ],
      [
        'zero days',
        configuration(rule('<Expiration><Days>0</Days></Expiration>')),
        400,
        'InvalidArgument',
        /^'Days' for Expiration action must be a positive integer$/,
      ],
      [
        'a date at noon',
        configuration(rule('<Expiration><Date>2040-01-01T12:00:00Z</Date></Expiration>')),
        400,
        'InvalidArgument',
        /^'Date' must be at midnight GMT$/,
      ],
      [
        'days and a date',
        configuration(rule('<Expiration><Days>1</Days><Date>2040-01-01T00:00:00Z</Date></Expiration>')),
        400,
        'MalformedXML',
        /./,
      ],
      [
        'zero days of uploads',
        configuration(rule(abort.replace('2', '0'))),
        400,
        'InvalidArgument',
        /^'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer$/,
      ],
      [
        'uploads by tag',
        configuration(rule(abort, '<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>')),
        400,
        'InvalidRequest',
        /^AbortIncompleteMultipartUpload cannot be specified with Tags\.$/,
      ],
      [
        'uploads by size',
        configuration(rule(abort, '<Filter><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter>')),
        400,
        'InvalidRequest',
        /cannot be specified with Object Size\.$/,
      ],
      [
        'two predicates without And',
        configuration(
          rule(expire, '<Filter><Prefix>a</Prefix><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter>'),
        ),
        400,
        'MalformedXML',
        /./,
      ],
      [
        'a tag key twice',
        configuration(
          rule(
            expire,
            '<Filter><And><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>a</Key><Value>2</Value></Tag></And></Filter>',
          ),
        ),
        400,
        'InvalidRequest',
        /^Duplicate Tag Keys are not allowed\.$/,
      ],
      [
        'both forms',
        configuration(rule(expire), rule(expire, '<Prefix>a</Prefix>', 's')),
        400,
        'InvalidRequest',
        /^Base level prefix cannot be used in Lifecycle V2/,
      ],
      [
        'prefixes that overlap',
        configuration(rule(expire, '<Prefix>a</Prefix>'), rule(expire, '<Prefix>a/b</Prefix>', 's')),
        400,
        'InvalidRequest',
        /^Found overlapping prefixes 'a' and 'a\/b' for same action type 'Expiration'$/,
      ],
      [
        'a transition',
        configuration(rule('<Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition>')),
        501,
        'NotImplemented',
        /with Transition are not implemented/,
      ],
      [
        'old versions',
        configuration(
          rule(
            '<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>',
          ),
        ),
        501,
        'NotImplemented',
        /with NoncurrentVersionExpiration are not implemented/,
      ],
      [
        'delete markers',
        configuration(
          rule('<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>'),
        ),
        501,
        'NotImplemented',
        /with ExpiredObjectDeleteMarker are not implemented/,
      ],
    ])('refuse %s', async (_, document, status, code, message) => {
      untouched ??= subject.bucket();
      const bucket = await untouched;
      expect(failure(await putDocument(subject, `/${bucket}`, 'lifecycle', document))).toEqual([
        status,
        code,
        expect.stringMatching(message),
      ]);
      expect((await ask(subject, 'GET', `/${bucket}`, 'lifecycle')).element('Code')).toBe(
        'NoSuchLifecycleConfiguration',
      );
    });

    it('name the date that is not a midnight, and the least size that there is not', async () => {
      const bucket = await subject.bucket();
      const noon = configuration(rule('<Expiration><Date>2040-01-01T12:00:00Z</Date></Expiration>'));
      const dated = await putDocument(subject, `/${bucket}`, 'lifecycle', noon);
      expect([dated.element('ArgumentName'), dated.element('ArgumentValue')]).toEqual([
        'Date',
        '2040-01-01T12:00:00Z',
      ]);
      const sized = await subject.client
        .send(
          new PutBucketLifecycleConfigurationCommand({
            Bucket: bucket,
            LifecycleConfiguration: {
              Rules: [{ ID: 'r', Status: 'Enabled', Filter: {}, Expiration: { Days: 1 } }],
            },
            TransitionDefaultMinimumObjectSize: 'value' as 'varies_by_storage_class',
          }),
        )
        .catch((error: unknown) => error);
      expect(sized).toMatchObject({
        name: 'InvalidRequest',
        message: 'Invalid TransitionDefaultMinimumObjectSize found: value',
      });
    });

    it('want their document verified', async () => {
      const bucket = await subject.bucket();
      const answer = await ask(subject, 'PUT', `/${bucket}`, 'lifecycle', {
        body: configuration(rule(expire)),
      });
      expect(failure(answer)).toEqual([
        400,
        'InvalidRequest',
        'Missing required header for this request: Content-MD5',
      ]);
    });

    it('expire what they are about, once it is due, and nothing else', { timeout: 120_000 }, async () => {
      const Bucket = await subject.bucket();
      await putDocument(
        subject,
        `/${Bucket}`,
        'lifecycle',
        configuration(
          rule(expire, '<Filter><Prefix>days/</Prefix></Filter>', 'days'),
          rule(
            '<Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration>',
            '<Filter><Prefix>past/</Prefix></Filter>',
            'past',
          ),
          rule(
            expire,
            '<Filter><And><Prefix>tag/</Prefix><Tag><Key>t</Key><Value>1</Value></Tag></And></Filter>',
            'tag',
          ),
          rule(
            expire,
            '<Filter><And><Prefix>size/</Prefix><ObjectSizeGreaterThan>2</ObjectSizeGreaterThan><ObjectSizeLessThan>5</ObjectSizeLessThan></And></Filter>',
            'size',
          ),
          rule(expire, '<Filter><Prefix>off/</Prefix></Filter>', 'off').replace('Enabled', 'Disabled'),
        ),
      );
      await Promise.all([
        ...['days/a', 'days/b', 'past/a', 'off/a', 'other'].map((key) => put(subject, Bucket, key, bytes(3))),
        ...[2, 3, 4, 5].map((size) => put(subject, Bucket, `size/${size}`, bytes(size))),
        ...['1', '2'].map((value) =>
          subject.client.send(
            new PutObjectCommand({ Bucket, Key: `tag/${value}`, Body: 'x', Tagging: `t=${value}` }),
          ),
        ),
      ]);
      const now = Date.now();
      const first = await runAt(subject, options, now);
      expect(first).toMatchObject({ failed: 0, lifecycle: { expired: 1, aborted: 0 } });
      expect(await keys(Bucket)).not.toContain('past/a');
      // A day and the rest of the day: not a second before midnight.
      const due = Date.parse(midnightAfter(now, 1));
      expect(await runAt(subject, options, due - 1000)).toMatchObject({ lifecycle: { expired: 0 } });
      expect(await runAt(subject, options, due + day)).toMatchObject({
        failed: 0,
        lifecycle: { expired: 5 },
      });
      expect(await keys(Bucket)).toEqual(['off/a', 'other', 'size/2', 'size/5', 'tag/2']);
    });

    it('end uploads that were begun too long ago, and say so beforehand', { timeout: 120_000 }, async () => {
      const Bucket = await subject.bucket();
      await putDocument(
        subject,
        `/${Bucket}`,
        'lifecycle',
        configuration(rule(abort, '<Filter><Prefix>up/</Prefix></Filter>', 'ends "it"')),
      );
      const before = Date.now();
      const created = await send(subject.endpoint, {
        method: 'POST',
        path: `/${Bucket}/up/a`,
        query: { uploads: '' },
      });
      const dates = [midnightAfter(before, 2), midnightAfter(Date.now(), 2)];
      expect(dates).toContain(created.headers['x-amz-abort-date']);
      expect(created.headers['x-amz-abort-rule-id']).toBe('ends %22it%22');
      const UploadId = created.element('UploadId') ?? '';
      const parts = await subject.client.send(new ListPartsCommand({ Bucket, Key: 'up/a', UploadId }));
      expect(dates).toContain(parts.AbortDate?.toUTCString());
      expect(parts.AbortRuleId).toBe('ends %22it%22');
      const other = await begin(subject, Bucket, 'other');
      await put(subject, Bucket, 'up/a', bytes(3));

      const due = Date.parse(midnightAfter(Date.now(), 2));
      expect(await runAt(subject, options, due - day)).toMatchObject({ lifecycle: { aborted: 0 } });
      expect(await runAt(subject, options, due)).toMatchObject({
        failed: 0,
        lifecycle: { aborted: 1, expired: 0 },
      });
      const { Uploads } = await subject.client.send(new ListMultipartUploadsCommand({ Bucket }));
      expect(Uploads?.map((upload) => upload.UploadId)).toEqual([other.id]);
      expect(await keys(Bucket)).toEqual(['up/a']);
    });

    it('tell of an object when it will expire, by the rule that comes first', async () => {
      const Bucket = await subject.bucket();
      await putDocument(
        subject,
        `/${Bucket}`,
        'lifecycle',
        configuration(
          rule('<Expiration><Days>9</Days></Expiration>', '<Filter/>', 'all'),
          rule(expire, '<Filter><Tag><Key>t</Key><Value>1</Value></Tag></Filter>', 'one day'),
          rule(expire, '<Filter/>', 'off').replace('Enabled', 'Disabled'),
        ),
      );
      const set = await subject.client.send(
        new PutObjectCommand({ Bucket, Key: 'key', Body: 'x', Tagging: 't=1' }),
      );
      const { LastModified = new Date() } = await subject.client.send(
        new HeadObjectCommand({ Bucket, Key: 'key' }),
      );
      const expected = `expiry-date="${midnightAfter(LastModified.getTime(), 1)}", rule-id="one day"`;
      expect(set.Expiration).toBe(expected);
      expect((await get(subject, Bucket, 'key')).Expiration).toBe(expected);
      expect((await get(subject, Bucket, 'key', { Range: 'bytes=0-0' })).Expiration).toBe(expected);
      const head = await subject.client.send(new HeadObjectCommand({ Bucket, Key: 'key' }));
      expect(head.Expiration).toBe(expected);
      const upload = await begin(subject, Bucket, 'parts', { Tagging: 't=1' });
      const completed = await upload.complete([await upload.part(1, bytes(1))]);
      expect(completed.Expiration).toMatch(/rule-id="one day"$/);
      await put(subject, Bucket, 'plain', bytes(1));
      expect((await get(subject, Bucket, 'plain')).Expiration).toMatch(/rule-id="all"$/);
      await ask(subject, 'DELETE', `/${Bucket}`, 'lifecycle');
      expect((await get(subject, Bucket, 'key')).Expiration).toBeUndefined();
    });
  });
}
