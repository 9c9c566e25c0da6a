/** How long the configuration of a bucket is remembered, and how much of it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { AdapterError } from '../../adapters/errors.ts';
import { type BucketDocuments, createBucketDocuments } from '../../src/s3/bucket/documents.ts';
import { remembering } from '../../src/s3/bucket/documents-of.ts';
import type { Storage } from '../../src/storage.ts';

describe('documents of buckets', () => {
  const kept = new Map<string, string>();
  let reads: string[];
  let now: number;
  let fail: boolean;
  let documents: BucketDocuments;

  beforeEach(() => {
    kept.clear();
    reads = [];
    now = 0;
    fail = false;
    const adapter = {
      async getBucketDocument({ bucket, name }: { bucket: string; name: string }) {
        reads.push(`${bucket}/${name}`);
        if (fail) throw new AdapterError('Unavailable', 'a fault');
        return kept.get(`${bucket}/${name}`);
      },
      async putBucketDocument(call: { bucket: string; name: string; text: string | undefined }) {
        if (call.text === undefined) kept.delete(`${call.bucket}/${call.name}`);
        else kept.set(`${call.bucket}/${call.name}`, call.text);
      },
    };
    documents = createBucketDocuments({ for: () => adapter } as unknown as Storage, () => now);
  });

  it('are read once in two seconds, also when there is none', async () => {
    kept.set('b/cors', 'x');
    for (now of [0, 1000, 1499]) {
      expect(await documents.get('b', 'cors')).toBe('x');
      expect(await documents.get('b', 'tagging')).toBeUndefined();
    }
    expect(reads).toEqual(['b/cors', 'b/tagging']);
    // Another replica changed it.
    kept.set('b/cors', 'y');
    now = 2000;
    expect(await documents.get('b', 'cors')).toBe('y');
  });

  it('are read again before they are too old, and nobody waits for it', async () => {
    kept.set('b/cors', 'x');
    await documents.get('b', 'cors');
    kept.set('b/cors', 'y');
    now = 1500;
    expect(await Promise.all([documents.get('b', 'cors'), documents.get('b', 'cors')])).toEqual(['x', 'x']);
    expect(await documents.get('b', 'cors')).toBe('y');
    now = 2999;
    expect(await documents.get('b', 'cors')).toBe('y');
    expect(reads).toHaveLength(2);
  });

  it('are not brought back by a reading that a change overtook', async () => {
    kept.set('b/cors', 'x');
    await documents.get('b', 'cors');
    now = 1500;
    const reading = documents.get('b', 'cors');
    await documents.put('b', 'cors', undefined);
    await reading;
    expect(await documents.get('b', 'cors')).toBeUndefined();
  });

  it('that cannot be read again hold for their time, and fail after it', async () => {
    kept.set('b/cors', 'x');
    await documents.get('b', 'cors');
    fail = true;
    for (now of [1500, 1999]) expect(await documents.get('b', 'cors')).toBe('x');
    now = 2000;
    await expect(documents.get('b', 'cors')).rejects.toThrow('a fault');
  });

  it('count at once where they were changed', async () => {
    expect(await documents.get('b', 'cors')).toBeUndefined();
    await documents.put('b', 'cors', 'x');
    expect(await documents.get('b', 'cors')).toBe('x');
    await documents.put('b', 'cors', undefined);
    expect(await documents.get('b', 'cors')).toBeUndefined();
  });

  it('that were being read while they changed are read again', async () => {
    kept.set('b/cors', 'old');
    const reading = documents.get('b', 'cors');
    await documents.put('b', 'cors', 'new');
    await reading;
    expect(await documents.get('b', 'cors')).toBe('new');
  });

  it('are asked for again after a failure', async () => {
    fail = true;
    await expect(documents.get('b', 'cors')).rejects.toThrow('a fault');
    fail = false;
    expect(await documents.get('b', 'cors')).toBeUndefined();
  });

  it('are forgotten with their bucket', async () => {
    kept.set('b/cors', 'x').set('bb/cors', 'x');
    await Promise.all([documents.get('b', 'cors'), documents.get('bb', 'cors')]);
    documents.forget('b');
    await Promise.all([documents.get('b', 'cors'), documents.get('bb', 'cors')]);
    expect(reads).toEqual(['b/cors', 'bb/cors', 'b/cors']);
  });

  it('are remembered up to a bound', async () => {
    const large = 'x'.repeat(1024 * 1024);
    for (let index = 0; index < 40; index += 1) kept.set(`b${index}/policy`, large);
    for (let index = 0; index < 40; index += 1) await documents.get(`b${index}`, 'policy');
    reads = [];
    for (let index = 0; index < 40; index += 1) await documents.get(`b${index}`, 'policy');
    expect(reads.length).toBeGreaterThan(0);
  });

  it('count once towards that bound, however often they are read', async () => {
    kept.set('b/policy', 'x'.repeat(1024 * 1024));
    kept.set('b/cors', 'x');
    for (let index = 0; index < 40; index += 1) {
      now = index * 2000;
      await documents.get('b', 'policy');
      if (index === 30) await documents.get('b', 'cors');
    }
    reads = [];
    now = 30 * 2000 + 1000;
    await documents.get('b', 'cors');
    expect(reads).toEqual([]);
  });
});

it('a text is parsed once, until too many were', () => {
  const parsed: string[] = [];
  const parse = remembering((text) => {
    parsed.push(text);
    return text.length;
  });
  expect([parse('a'), parse('a'), parse('bc')]).toEqual([1, 1, 2]);
  expect(parsed).toEqual(['a', 'bc']);
  for (let index = 0; index < 1000; index += 1) parse(`text ${index}`);
  parse('a');
  expect(parsed.filter((text) => text === 'a')).toHaveLength(2);
});
