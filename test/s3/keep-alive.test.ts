import { describe, expect, it } from 'vitest';
import type { AnswerContext } from '../../src/s3/answer.ts';
import { S3Error } from '../../src/s3/errors.ts';
import { keepAlive } from '../../src/s3/keep-alive.ts';
import type { Reply } from '../../src/s3/operation.ts';

/** A request without a body, as far as an answer looks at it. */
const contextOf = (accept?: string) =>
  ({
    requestId: 'ID',
    exchange: { incoming: { complete: true, headers: { accept } } },
  }) as unknown as AnswerContext;
const context = contextOf();
const reply: Reply = { status: 200, xml: { root: 'CopyObjectResult', content: { ETag: '"x"' } } };
const asS3Error = (error: unknown) => (error instanceof S3Error ? error : new S3Error('InternalError'));
const later = <T>(ms: number, outcome: () => T) =>
  new Promise<void>((resolve) => setTimeout(resolve, ms)).then(outcome);

describe('the answer of a slow operation', () => {
  it('is an ordinary one when it comes in time', async () => {
    const answer = await keepAlive(Promise.resolve(reply), 1000, context, asS3Error);
    expect(answer.headers.get('content-length')).not.toBeNull();
    expect(await answer.text()).toContain('<CopyObjectResult');
    const failed = Promise.reject(new S3Error('NoSuchUpload'));
    expect((await keepAlive(failed, 1000, context, asS3Error)).status).toBe(404);
  });

  it('begins with the declaration, has no length, and ends with the root', async () => {
    const answer = await keepAlive(
      later(50, () => reply),
      5,
      context,
      asS3Error,
    );
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, null]);
    const text = await answer.text();
    expect(text.startsWith('<?xml version="1.0" encoding="UTF-8"?>')).toBe(true);
    expect(text).toMatch(/\?>\s+<CopyObjectResult [\s\S]*<\/CopyObjectResult>$/);
  });

  it('tells a failure behind the 200 by a root of Error, and nothing after it', async () => {
    const work = later(50, () => {
      throw new S3Error('InternalError');
    });
    const text = await (await keepAlive(work, 5, context, asS3Error)).text();
    expect(text).toMatch(/\?>\s+<Error><Code>InternalError<\/Code>[\s\S]*<\/Error>$/);
  });

  it('is white space and then JSON for whom that was asked, also of a failure', async () => {
    const json = contextOf('application/json');
    const slow = await keepAlive(
      later(50, () => reply),
      5,
      json,
      asS3Error,
    );
    expect([slow.status, slow.headers.get('content-type')]).toEqual([200, 'application/json']);
    const text = await slow.text();
    expect(text).toMatch(/^\s/);
    expect(JSON.parse(text)).toEqual({ success: true, data: { etag: '"x"' } });

    const work = later(50, () => {
      throw new S3Error('InternalError');
    });
    const failed = await keepAlive(work, 5, json, asS3Error);
    expect([failed.status, JSON.parse(await failed.text())]).toMatchObject([
      200,
      { success: false, error: { code: 'InternalError', status: 500, request_id: 'ID' } },
    ]);
  });
});
