/** Requests made of the description alone: its paths, its required parameters, its examples. */
import { createHash, randomBytes } from 'node:crypto';
import type { Operation } from '../../../src/s3/operation.ts';
import { defaultBoundary, formBody, signedFields } from '../../forms/kit.ts';
import { type RawAnswer, type RawRequest, send } from '../../kit/raw-request.ts';
import { descriptions, implemented } from './document.ts';

export const asksJson = { accept: 'application/json' };

export class Caller {
  readonly #endpoint: string;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  /** On a bucket of its own, which is as it must be for the action to have something to say. */
  async call(operation: Operation): Promise<RawAnswer> {
    const bucket = `b-${randomBytes(6).toString('hex')}`;
    const { action, route } = operation;
    if (action !== 'CreateBucket') await this.#ok({ method: 'PUT', path: `/${bucket}` });
    if (action !== 'CreateBucket' && action !== 'DeleteBucket') {
      for (const key of ['key', 'source']) {
        await this.#ok({ method: 'PUT', path: `/${bucket}/${key}`, body: 'some bytes' });
      }
    }
    // What is read or removed was written before.
    const written = route.sub === 'policyStatus' ? 'policy' : route.sub;
    const writer = implemented.find(
      (other) => other.route.method === 'PUT' && other.route.on === route.on && other.route.sub === written,
    );
    if (
      route.sub !== undefined &&
      route.sub !== 'uploadId' &&
      route.method !== 'PUT' &&
      writer !== undefined
    ) {
      await this.#ok(await this.requestFor(writer, bucket));
    }
    return send(this.#endpoint, await this.requestFor(operation, bucket));
  }

  async requestFor({ action, route }: Operation, bucket: string): Promise<RawRequest> {
    const description = descriptions[action];
    if (description === undefined) throw new Error(`${action} is not described`);
    const path = { service: '/', bucket: `/${bucket}`, object: `/${bucket}/key` }[route.on];
    const query: Record<string, string> = {};
    const headers: Record<string, string> = { ...asksJson };
    for (const [name, { example }] of Object.entries(description.query ?? {})) {
      if (example !== undefined) query[name] = example;
    }
    for (const [name, { example }] of Object.entries(description.headers ?? {})) {
      if (example !== undefined) headers[name.toLowerCase()] = example.replace('/bucket/', `/${bucket}/`);
    }
    const base = { method: route.method, path };
    let body = description.body?.example.replace('arn:aws:s3:::bucket/', `arn:aws:s3:::${bucket}/`);
    if (route.sub === 'uploadId') {
      const upload = await this.#upload(path);
      query['uploadId'] = upload.id;
      body = body?.replace(/"[0-9a-f]{32}"/, upload.etag);
    } else if (route.sub !== undefined) {
      query[route.sub] = route.sub === 'list-type' ? '2' : '';
    }
    if (action === 'ListMultipartUploads') await this.#upload(`${path}/key`);
    if (action === 'PostObject') return { ...base, ...form(bucket), anonymous: true };
    if (body !== undefined && description.body?.type !== 'application/octet-stream') {
      headers['content-md5'] = createHash('md5').update(body).digest('base64');
    }
    return { ...base, query, headers, ...(body !== undefined && { body }) };
  }

  async #upload(path: string): Promise<{ readonly id: string; readonly etag: string }> {
    const id = (await this.#ok({ method: 'POST', path, query: { uploads: '' } })).element('UploadId') ?? '';
    const query = { partNumber: '1', uploadId: id };
    const part = await this.#ok({ method: 'PUT', path, query, body: 'bytes' });
    return { id, etag: part.headers['etag'] ?? '' };
  }

  async #ok(request: RawRequest): Promise<RawAnswer> {
    const answer = await send(this.#endpoint, request);
    if (answer.status >= 300) throw new Error(`${request.method} ${request.path}: ${answer.text}`);
    return answer;
  }
}

function form(bucket: string): Pick<RawRequest, 'body' | 'headers'> {
  const own: Array<[string, string]> = [
    ['key', 'by-form'],
    ['success_action_status', '201'],
  ];
  const conditions = [{ bucket }, ...own.map(([name, value]) => ({ [name]: value }))];
  return {
    body: formBody({ fields: [...own, ...signedFields({ conditions })], file: 'bytes' }),
    headers: { ...asksJson, 'content-type': `multipart/form-data; boundary=${defaultBoundary}` },
  };
}
