/** What a write is encrypted with: the request, the bucket's default, the source of a copy, the backend. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../src/s3/encryption/envelope.ts';
import { MasterKeys } from '../../src/s3/encryption/master-keys.ts';
import type { EncryptionSettings } from '../../src/s3/encryption/settings.ts';
import { encryptionOf, type WriteRequest } from '../../src/s3/encryption/write.ts';
import { ssecHeaders } from './requests.ts';

interface Asked {
  readonly headers?: Record<string, string>;
  readonly settings?: Partial<EncryptionSettings>;
  readonly encryptsAtRest?: boolean;
  readonly scheme?: 'http' | 'https';
}

const keys = new MasterKeys([{ id: 'current', key: randomBytes(32) }]);

function request({
  encryptsAtRest = false,
  headers = {},
  scheme = 'https',
  settings = {},
}: Asked): WriteRequest {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const encryption: EncryptionSettings = {
    customerKeysOverHttp: false,
    kms: 'refuse',
    backendAtRest: false,
    keys,
    ...settings,
  };
  const storage = { for: () => ({ capabilities: { encryptsAtRest } }) };
  // No more of a gateway is asked.
  const gateway = { encryption, storage } as unknown as WriteRequest['gateway'];
  return { bucket: 'bucket', key: 'key', headers: new Map(lower), scheme, gateway };
}

async function typeOf(asked: Asked, source?: Envelope): Promise<Envelope['type'] | undefined> {
  return (await encryptionOf(request(asked), source)).envelope?.type;
}

const aes = { 'x-amz-server-side-encryption': 'AES256' };
const bucketDefault = async (bucket: string) => (bucket === 'bucket' ? ('AES256' as const) : undefined);

describe('a write', () => {
  it('is encrypted as it asks, else as the bucket wants it', async () => {
    expect(await typeOf({})).toBeUndefined();
    expect(await typeOf({ headers: aes })).toBe('SSE-S3');
    expect(await typeOf({ headers: ssecHeaders(randomBytes(32)) })).toBe('SSE-C');
    expect(await typeOf({ settings: { bucketDefault } })).toBe('SSE-S3');
    expect(await typeOf({ settings: { bucketDefault: async () => undefined } })).toBeUndefined();
    const customer = { headers: ssecHeaders(randomBytes(32)), settings: { bucketDefault } };
    expect(await typeOf(customer)).toBe('SSE-C');
  });

  it('is left to a backend that encrypts at rest only where that is configured', async () => {
    const settings = { backendAtRest: true };
    expect(await typeOf({ headers: aes, encryptsAtRest: true })).toBe('SSE-S3');
    expect(await typeOf({ headers: aes, encryptsAtRest: true, settings })).toBe('backend');
    expect(await typeOf({ headers: aes, encryptsAtRest: false, settings })).toBe('SSE-S3');
    const customer = { headers: ssecHeaders(randomBytes(32)), encryptsAtRest: true, settings };
    expect(await typeOf(customer)).toBe('SSE-C');
    const none = { ...settings, keys: new MasterKeys([]) };
    expect(await typeOf({ headers: aes, encryptsAtRest: true, settings: none })).toBe('backend');
  });

  it('of a copy keeps some protection that its source had', async () => {
    const source = (await encryptionOf(request({ headers: aes }))).envelope;
    const customer = (await encryptionOf(request({ headers: ssecHeaders(randomBytes(32)) }))).envelope;
    expect(await typeOf({}, source)).toBe('SSE-S3');
    expect(await typeOf({}, customer)).toBe('SSE-S3');
    expect(await typeOf({}, { type: 'backend' })).toBe('SSE-S3');
  });

  it('without a master key is refused rather than stored in the clear', async () => {
    const settings = { keys: new MasterKeys([{ id: 'old', key: randomBytes(32) }], { current: false }) };
    for (const asked of [{ headers: aes }, { headers: {}, bucketDefault }]) {
      const own = 'bucketDefault' in asked ? { ...settings, bucketDefault } : settings;
      await expect(encryptionOf(request({ headers: asked.headers, settings: own }))).rejects.toMatchObject({
        code: 'NotImplemented',
      });
    }
  });

  it('takes a customer key over TLS, and over plain HTTP only where that is configured', async () => {
    const headers = ssecHeaders(randomBytes(32));
    expect(await typeOf({ headers, scheme: 'https' })).toBe('SSE-C');
    await expect(encryptionOf(request({ headers, scheme: 'http' }))).rejects.toMatchObject({
      code: 'InvalidRequest',
    });
    const settings = { customerKeysOverHttp: true };
    expect(await typeOf({ headers, scheme: 'http', settings })).toBe('SSE-C');
  });
});

describe('a wrapped data key', () => {
  const context = { bucket: 'b', key: 'k', envelopeSalt: randomBytes(16) };
  const dataKey = randomBytes(32);
  const one = { id: 'one', key: randomBytes(32) };
  const both = new MasterKeys([one, { id: 'two', key: one.key }]);
  const wrapped = both.wrap(one, dataKey, context);

  it('is unwrapped for what it was made for', () => {
    expect(both.unwrap('one', wrapped, context).equals(dataKey)).toBe(true);
    expect(both.wrap(one, dataKey, { ...context, envelopeSalt: randomBytes(16) })).not.toBe(wrapped);
  });

  it.each([
    ['another object', 'one', { ...context, key: 'k2' }],
    ['another bucket', 'one', { ...context, bucket: 'b2' }],
    ['another envelope', 'one', { ...context, envelopeSalt: randomBytes(16) }],
    ['another ID of the same key', 'two', context],
  ])('is not unwrapped for %s', (_, id, other) => {
    expect(() => both.unwrap(id, wrapped, other)).toThrow('cannot be unwrapped');
  });

  it('is not unwrapped when it was changed or cut', () => {
    const bytes = Buffer.from(wrapped, 'base64');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => both.unwrap('one', changed.toString('base64'), context)).toThrow('cannot be unwrapped');
      const cut = bytes.subarray(0, at).toString('base64');
      expect(() => both.unwrap('one', cut, context)).toThrow('cannot be unwrapped');
    }
  });
});
