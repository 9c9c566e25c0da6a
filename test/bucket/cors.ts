import {
  DeleteBucketCorsCommand,
  GetBucketCorsCommand,
  PutBucketCorsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { type RawAnswer, send } from '../kit/raw-request.ts';
import { expectFailure } from '../upload-path/kit.ts';
import { ask, failure, putDocument } from './kit.ts';
import type { BucketSubject } from './suite.ts';

const vary = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method';

function crossOrigin({ headers }: RawAnswer): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith('access-control-') || name === 'vary'),
  );
}

export function corsTests(subject: BucketSubject): void {
  const options = (path: string, headers: Record<string, string>) =>
    send(subject.endpoint, { method: 'OPTIONS', path, headers, anonymous: true });
  const withRules = async (...rules: string[]): Promise<string> => {
    const bucket = await subject.bucket();
    const document = `<CORSConfiguration>${rules.map((rule) => `<CORSRule>${rule}</CORSRule>`).join('')}</CORSConfiguration>`;
    expect((await putDocument(subject, `/${bucket}`, 'cors', document)).status).toBe(200);
    return bucket;
  };
  const rule = '<AllowedOrigin>https://page.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod>';

  describe('CORS', () => {
    it('is kept, given back in order, and removed', async () => {
      const Bucket = await subject.bucket();
      const { client } = subject;
      await expectFailure(client.send(new GetBucketCorsCommand({ Bucket })), 'NoSuchCORSConfiguration', 404);
      const CORSRules = [
        {
          ID: 'first & <best>',
          AllowedMethods: ['GET', 'PUT'],
          AllowedOrigins: ['http://b.example:80', 'http://*.a.example'],
          AllowedHeaders: ['x-AMZ-*'],
          ExposeHeaders: ['ETag'],
          MaxAgeSeconds: 3000,
        },
        { AllowedMethods: ['DELETE'], AllowedOrigins: ['*'], MaxAgeSeconds: -100 },
      ];
      await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
      expect((await client.send(new GetBucketCorsCommand({ Bucket }))).CORSRules).toEqual(CORSRules);
      for (let time = 0; time < 2; time += 1) {
        const { $metadata } = await client.send(new DeleteBucketCorsCommand({ Bucket }));
        expect($metadata.httpStatusCode).toBe(204);
      }
      await expectFailure(client.send(new GetBucketCorsCommand({ Bucket })), 'NoSuchCORSConfiguration', 404);
    });

    it.each([
      ['no rules', '', 'MalformedXML', /not well-formed/],
      ['an empty rule', '<CORSRule/>', 'MalformedXML', /not well-formed/],
      [
        'no origin',
        '<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>',
        'MalformedXML',
        /not well-formed/,
      ],
      [
        'a method that is none',
        '<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>OPTIONS</AllowedMethod></CORSRule>',
        'InvalidRequest',
        /^Found unsupported HTTP method in CORS config\. Unsupported method is OPTIONS$/,
      ],
      [
        'two wildcards',
        '<CORSRule><AllowedOrigin>*a*.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>',
        'InvalidRequest',
        /^AllowedOrigin "\*a\*\.com" can not have more than one wildcard\.$/,
      ],
      [
        'an exposed wildcard',
        `<CORSRule>${rule}<ExposeHeader>x-*</ExposeHeader></CORSRule>`,
        'InvalidRequest',
        /^ExposeHeader "x-\*" contains wildcard\. We currently do not support wildcard for ExposeHeader\.$/,
      ],
      [
        'an age beyond 32 bits',
        `<CORSRule>${rule}<MaxAgeSeconds>2147483648</MaxAgeSeconds></CORSRule>`,
        'MalformedXML',
        /not/,
      ],
      [
        'an allowed header that no header can be called',
        `<CORSRule>${rule}<AllowedHeader>x-*</AllowedHeader><AllowedHeader>X-Custom:Header</AllowedHeader></CORSRule>`,
        'InvalidRequest',
        /^AllowedHeader "X-Custom:Header" contains invalid character\.$/,
      ],
      [
        'an exposed header that no header can be called',
        `<CORSRule>${rule}<ExposeHeader>two words</ExposeHeader></CORSRule>`,
        'InvalidRequest',
        /^AllowedHeader "two words" contains invalid character\.$/,
      ],
      [
        '101 rules',
        `<CORSRule>${rule}</CORSRule>`.repeat(101),
        'InvalidRequest',
        /^The number of CORS rules should not exceed allowed limit of 100 rules\.$/,
      ],
    ])('refuses %s and keeps what there was', async (_, rules, code, message) => {
      const bucket = await withRules(rule);
      const answer = await putDocument(
        subject,
        `/${bucket}`,
        'cors',
        `<CORSConfiguration>${rules}</CORSConfiguration>`,
      );
      expect(failure(answer)).toEqual([400, code, expect.stringMatching(message)]);
      expect((await ask(subject, 'GET', `/${bucket}`, 'cors')).element('AllowedOrigin')).toBe(
        'https://page.example',
      );
    });

    it('wants the document verified', async () => {
      const bucket = await subject.bucket();
      const body = `<CORSConfiguration><CORSRule>${rule}</CORSRule></CORSConfiguration>`;
      const answer = await ask(subject, 'PUT', `/${bucket}`, 'cors', { body });
      expect(failure(answer)).toEqual([
        400,
        'InvalidRequest',
        'Missing required header for this request: Content-MD5',
      ]);
    });

    it('answers preflights without a signature, by the first rule that admits them', async () => {
      const bucket = await withRules(
        `${rule}<MaxAgeSeconds>3000</MaxAgeSeconds>`,
        '<AllowedOrigin>http://*.example</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod><AllowedHeader>x-AMZ-*</AllowedHeader><AllowedHeader>Content-Type</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-id-2</ExposeHeader>',
        '<AllowedOrigin>*</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod>',
      );
      const first = await options(`/${bucket}/no/such/key`, {
        origin: 'https://page.example',
        'access-control-request-method': 'GET',
      });
      expect([first.status, first.text, first.headers['content-length']]).toEqual([200, '', '0']);
      expect(crossOrigin(first)).toEqual({
        'access-control-allow-origin': 'https://page.example',
        'access-control-allow-methods': 'GET',
        'access-control-max-age': '3000',
        'access-control-allow-credentials': 'true',
        vary,
      });
      const second = await options(`/${bucket}`, {
        origin: 'http://a.b.example',
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type,X-Amz-Date',
      });
      expect(crossOrigin(second)).toEqual({
        'access-control-allow-origin': 'http://a.b.example',
        'access-control-allow-methods': 'PUT, GET',
        'access-control-allow-headers': 'content-type, x-amz-date',
        'access-control-expose-headers': 'ETag, x-amz-id-2',
        'access-control-allow-credentials': 'true',
        vary,
      });
      const any = await options(`/${bucket}`, { origin: 'null', 'access-control-request-method': 'HEAD' });
      expect(crossOrigin(any)).toEqual({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'HEAD',
        vary,
      });
    });

    const spec =
      "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.";

    it.each([
      ['another origin', { origin: 'https://other.example', 'access-control-request-method': 'GET' }],
      ['another scheme', { origin: 'http://page.example', 'access-control-request-method': 'GET' }],
      ['another method', { origin: 'https://page.example', 'access-control-request-method': 'PUT' }],
      [
        'a header that no rule allows',
        {
          origin: 'https://page.example',
          'access-control-request-method': 'GET',
          'access-control-request-headers': 'x-other',
        },
      ],
    ])('forbids a preflight of %s', async (_, headers) => {
      const bucket = await withRules(rule);
      const answer = await options(`/${bucket}/key`, headers);
      expect(failure(answer)).toEqual([403, 'AccessForbidden', spec]);
      expect(answer.element('Method')).toBe(headers['access-control-request-method']);
      expect(answer.element('ResourceType')).toBe('OBJECT');
      expect(crossOrigin(answer)).toEqual({});
      expect((await options(`/${bucket}`, headers)).element('ResourceType')).toBe('BUCKET');
    });

    it('says what a preflight lacks', async () => {
      const ruled = await withRules(rule);
      const origin = { origin: 'https://page.example' };
      for (const none of [{}, { origin: '' }]) {
        expect(failure(await options(`/${ruled}`, none))).toEqual([
          400,
          'BadRequest',
          'Insufficient information. Origin request header needed.',
        ]);
      }
      const named = (names: string) =>
        options(`/${ruled}`, {
          ...origin,
          'access-control-request-method': 'GET',
          'access-control-request-headers': names,
        });
      for (const name of ['X(Custom)', 'two words', 'Bad/Header', 'bad@char']) {
        expect(failure(await named(`x-amz-date, ${name}`))).toEqual([
          400,
          'BadRequest',
          `Access-Control-Request-Headers "${name}" contains invalid character.`,
        ]);
      }
      expect(failure(await options(`/${ruled}`, origin))).toEqual([
        400,
        'BadRequest',
        'Invalid Access-Control-Request-Method: null',
      ]);
      const plain = await options(`/${await subject.bucket()}/key`, origin);
      expect(failure(plain)).toEqual([
        403,
        'AccessForbidden',
        'CORSResponse: CORS is not enabled for this bucket.',
      ]);
      expect([plain.element('Method'), plain.element('ResourceType')]).toEqual(['OPTIONS', 'BUCKET']);
      const missing = await options('/no-such-bucket-anywhere/key', origin);
      expect(failure(missing)).toEqual([403, 'AccessForbidden', 'CORSResponse: Bucket not found']);
    });

    it('adds to every answer what its rule allows, errors and refusals too', async () => {
      const bucket = await withRules(`${rule}<ExposeHeader>ETag</ExposeHeader>`);
      await subject.client.send(new PutObjectCommand({ Bucket: bucket, Key: 'key', Body: 'x' }));
      const headers = { origin: 'https://page.example' };
      const expected = {
        'access-control-allow-origin': 'https://page.example',
        'access-control-allow-methods': 'GET',
        'access-control-expose-headers': 'ETag',
        'access-control-allow-credentials': 'true',
        vary,
      };
      const get = (path: string, more: object = {}) =>
        send(subject.endpoint, { method: 'GET', path, headers, ...more });
      const read = await get(`/${bucket}/key`);
      expect([read.status, read.text]).toEqual([200, 'x']);
      expect(crossOrigin(read)).toEqual(expected);
      const missing = await get(`/${bucket}/none`);
      expect([missing.status, crossOrigin(missing)]).toEqual([404, expected]);
      const anonymous = await get(`/${bucket}/key`, { anonymous: true });
      expect([anonymous.status, crossOrigin(anonymous)]).toEqual([403, expected]);

      const other = await get(`/${bucket}/key`, { headers: { origin: 'https://other.example' } });
      expect([other.status, crossOrigin(other)]).toEqual([200, {}]);
      const announced = { ...headers, 'access-control-request-method': 'PUT' };
      expect(crossOrigin(await get(`/${bucket}/key`, { headers: announced }))).toEqual({});
      const put = await send(subject.endpoint, { method: 'PUT', path: `/${bucket}/key`, headers, body: 'y' });
      expect([put.status, crossOrigin(put)]).toEqual([200, {}]);
      expect(crossOrigin(await send(subject.endpoint, { method: 'GET', path: `/${bucket}/key` }))).toEqual(
        {},
      );
    });
  });
}
