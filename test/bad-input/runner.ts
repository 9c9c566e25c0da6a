/** Tries every case against one gateway, and looks after each whether anything has changed. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { ssec } from '../encryption/requests.ts';
import { runningGateway } from '../encryption/suite.ts';
import { type GatewayOptions, haveServices } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';
import { begin, bytes, minPart } from '../upload-path/kit.ts';
import type { BadCase, OpenUpload, UploadKind, World } from './case.ts';

/** The key of the upload that has one. */
export const customerKey = ssec(createHash('sha256').update('the customer').digest());

const declarations: Readonly<Record<UploadKind, Partial<CreateMultipartUploadCommandInput>>> = {
  undeclared: {},
  composite: { ChecksumAlgorithm: 'CRC32' },
  full: { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' },
  customer: customerKey,
};

export function badInputSuite(name: string, options: GatewayOptions, cases: readonly BadCase[]): void {
  describe.skipIf(!haveServices(options))(`bad input on ${name}`, () => {
    const subject = runningGateway(options);
    let world: World;
    let before: string;

    const openUpload = async (bucket: string, kind: UploadKind): Promise<OpenUpload> => {
      const key = `upload-${kind}`;
      const { UploadId: id = '' } = await subject.client.send(
        new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ...declarations[kind] }),
      );
      const bodies = [bytes(100), bytes(10)] as const;
      const etags: string[] = [];
      for (const [index, body] of bodies.entries()) {
        const { ETag = '' } = await subject.client.send(
          new UploadPartCommand({
            Bucket: bucket,
            Key: key,
            UploadId: id,
            PartNumber: index + 1,
            Body: body,
            ...(kind === 'customer' ? customerKey : { ChecksumAlgorithm: 'CRC32' }),
          }),
        );
        etags.push(ETag.replaceAll('"', ''));
      }
      return {
        key,
        id,
        etags: etags as [string, string],
        crc32: bodies.map(crc32Base64) as [string, string],
      };
    };

    const createWorld = async (): Promise<World> => {
      const bucket = await subject.bucket();
      await subject.client.send(
        new PutObjectCommand({ Bucket: bucket, Key: 'plain', Body: '0123456789', Tagging: 'a=1' }),
      );
      // The key of one upload has an object, those of the others have none.
      await subject.client.send(
        new PutObjectCommand({ Bucket: bucket, Key: 'upload-undeclared', Body: 'older' }),
      );
      const upload = await begin(subject, bucket, 'multipart');
      await upload.complete([await upload.part(1, bytes(minPart)), await upload.part(2, bytes(3))]);
      const { LastModified } = await subject.client.send(
        new HeadObjectCommand({ Bucket: bucket, Key: 'plain' }),
      );
      return {
        bucket,
        plain: 'plain',
        plainModified: LastModified?.toUTCString() ?? '',
        plainEtag: createHash('md5').update('0123456789').digest('hex'),
        multipart: 'multipart',
        uploads: {
          undeclared: await openUpload(bucket, 'undeclared'),
          composite: await openUpload(bucket, 'composite'),
          full: await openUpload(bucket, 'full'),
          customer: await openUpload(bucket, 'customer'),
        },
      };
    };

    /** An upload that has ended has an error instead. */
    const partsOf = (command: ListPartsCommand): Promise<unknown> =>
      subject.client.send(command).then(
        ({ Parts }) => Parts,
        (error: Error) => error.name,
      );

    /** Everything that a request could have changed. */
    const state = async (): Promise<string> => {
      const Bucket = world.bucket;
      const [buckets, objects, tags, uploads] = await Promise.all([
        subject.client.send(new ListBucketsCommand({})),
        subject.client.send(new ListObjectsV2Command({ Bucket })),
        subject.client.send(new GetObjectTaggingCommand({ Bucket, Key: world.plain })),
        subject.client.send(new ListMultipartUploadsCommand({ Bucket })),
      ]);
      const parts = await Promise.all(
        Object.values(world.uploads).map(({ id, key }) =>
          partsOf(
            new ListPartsCommand({
              Bucket,
              Key: key,
              UploadId: id,
              ...(key === 'upload-customer' && customerKey),
            }),
          ),
        ),
      );
      return JSON.stringify([
        buckets.Buckets?.map(({ Name }) => Name),
        objects.Contents?.map(({ ETag, Key, LastModified, Size }) => [Key, ETag, Size, LastModified]),
        tags.TagSet,
        uploads.Uploads?.map(({ Key, UploadId }) => [Key, UploadId]),
        parts,
      ]);
    };

    const prepare = async (): Promise<void> => {
      world = await createWorld();
      before = await state();
    };
    beforeAll(prepare);

    it.each(cases.map((bad) => [bad.operation, bad.what, bad] as const))('%s: %s', async (_, __, bad) => {
      const answer = await send(subject.endpoint, bad.request(world));
      const [earlier, now] = [before, await state()];
      // What this case has spoilt shall not fail the ones behind it.
      if (now !== earlier) await prepare();
      expect(now).toBe(earlier);
      expect([answer.status, text(answer.element('Code')), text(answer.element('Message'))]).toEqual([
        bad.status,
        bad.code,
        bad.message,
      ]);
      const extra = typeof bad.extra === 'function' ? bad.extra(world) : (bad.extra ?? {});
      const said = Object.keys(extra).map((name) => [name, text(answer.element(name))]);
      expect(Object.fromEntries(said)).toEqual(extra);
    });
  });
}

function text(escaped: string | undefined): string | undefined {
  const entities: Record<string, string> = { quot: '"', lt: '<', gt: '>', amp: '&', '#13': '\r' };
  return escaped?.replaceAll(/&(#?\w+);/g, (entity, name: string) => entities[name] ?? entity);
}

export function crc32Base64(data: Uint8Array): string {
  const raw = Buffer.alloc(4);
  raw.writeUInt32BE(crc32(data));
  return raw.toString('base64');
}
