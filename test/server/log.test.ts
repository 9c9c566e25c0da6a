import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/auth/credentials.ts';
import { createScrubber, redactTarget } from '../../src/log/redact.ts';
import { createLineWriter } from '../../src/log/writer.ts';
import { createLogger } from '../../src/log.ts';
import { memoryLog } from './kit.ts';

describe('redaction', () => {
  const line = (message: string, fields: Record<string, unknown> = {}): string => {
    const lines: string[] = [];
    memoryLog(lines, ['configured-canary', 'weird.*[canary']).info(message, fields);
    return lines.join('\n');
  };

  test.each<[string, Record<string, unknown>]>([
    [
      'the value of a field that names a secret',
      { secretAccessKey: 'canary', nested: { password: 'canary' } },
    ],
    [
      'a header object',
      { headers: { authorization: 'canary', 'x-amz-security-token': 'canary', cookie: 'canary' } },
    ],
    ['a customer key', { headers: { 'x-amz-server-side-encryption-customer-key': 'canary' } }],
    ['a configured secret inside other text', { note: 'used configured-canary here' }],
    ['a configured secret with characters of a pattern', { note: 'weird.*[canary' }],
    ['a wrapped secret', { value: new Secret('canary') }],
    ['an error', { error: new Error('Signature=canary was wrong') }],
    ['the cause of an error', { error: new Error('x', { cause: new Error('redis://u:canary@h refused') }) }],
    ['bytes', { body: Buffer.from('canary') }],
    ['a presigned URL', { url: 'https://h/b/k?X-Amz-Signature=canary&X-Amz-Security-Token=canary&x=1' }],
    ['an Azure connection string', { text: 'DefaultEndpointsProtocol=https;AccountKey=canary==;x=y' }],
    ['a shared access signature', { url: 'https://a.blob.core.windows.net/c?sv=2025&sig=canary' }],
    ['a bearer token', { text: 'sent Bearer canary-canary' }],
    [
      'an authorization header in text',
      { text: 'Authorization: AWS4-HMAC-SHA256 Credential=x, Signature=canary' },
    ],
    ['a header of a customer key in text', { text: 'x-amz-server-side-encryption-customer-key: canary=' }],
  ])('%s', (_, fields) => {
    expect(line('message', fields)).not.toContain('canary');
  });

  test('of the message itself', () => {
    expect(line('cannot sign with configured-canary')).toContain('cannot sign with [redacted]');
  });

  test('leaves what helps', () => {
    const text = line('request', {
      path: '/b/k',
      status: 200,
      identity: 'AKID',
      error: new Error('disk full'),
    });
    expect(JSON.parse(text)).toMatchObject({
      level: 'info',
      message: 'request',
      path: '/b/k',
      status: 200,
      identity: 'AKID',
      error: { name: 'Error', message: 'disk full' },
    });
  });

  test('of a target keeps the values of harmless parameters only', () => {
    expect(
      redactTarget('/b/k?partNumber=1&uploadId=u&acl&prefix=a%2Fb&X-Amz-Signature=s&unknown=v&empty='),
    ).toBe(
      '/b/k?partNumber=1&uploadId=u&acl&prefix=a%2Fb&X-Amz-Signature=[redacted]&unknown=[redacted]&empty=',
    );
  });

  test('takes time in proportion to the text', () => {
    const scrub = createScrubber(['secret-value']);
    const text = 'redis://'.repeat(20_000) + 'authorization'.repeat(20_000);
    expect(scrub(text).length).toBeGreaterThan(100);
  });
});

describe('pretty lines', () => {
  const pretty = (message: string, fields: Record<string, unknown> = {}): string => {
    const lines: string[] = [];
    const writer = {
      write: (text: string) => void lines.push(text),
      flush: async () => {},
      flushSync: () => {},
    };
    createLogger({ level: 'info', format: 'pretty', writer }).warn(message, fields);
    return lines.join('\n');
  };

  test('are for reading', () => {
    expect(pretty('slow', { ms: 3, path: '/b/k', note: 'two words', bucket: 'grün' })).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}slow ms=3 path=\/b\/k note="two words" bucket=grün$/,
    );
  });

  test('cannot be forged by what a client sends', () => {
    expect(pretty('x\ny', { agent: 'a\r\nb\u001b[2J\u009b' })).not.toMatch(/\p{Cc}/u);
  });
});

test('levels', () => {
  const lines: string[] = [];
  const writer = {
    write: (text: string) => void lines.push(text),
    flush: async () => {},
    flushSync: () => {},
  };
  const log = createLogger({ level: 'warn', format: 'json', writer });
  log.debug('a');
  log.info('b');
  log.with({ worker: 1 }).warn('c');
  log.error('d');
  expect(lines.map((each) => JSON.parse(each) as object)).toMatchObject([
    { level: 'warn', message: 'c', worker: 1 },
    { level: 'error', message: 'd' },
  ]);
  expect(log.has('info')).toBe(false);
});

describe('the writer', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'partway-log-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('keeps lines whole and in order', async () => {
    const file = join(directory, 'log');
    const fd = openSync(file, 'w');
    const writer = createLineWriter(fd, String);
    for (let index = 0; index < 5000; index += 1) {
      writer.write(`line ${index}`);
      if (index % 700 === 0) await sleep(0);
    }
    await writer.flush();
    closeSync(fd);
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines).toEqual([...Array.from({ length: 5000 }, (_, index) => `line ${index}`), '']);
  });

  test('of a reader that stalls holds nobody up, bounds what it keeps, and tells what was lost', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // Read and write: opening does not wait for the other side, and nothing is read until we say so.
    const fd = openSync(pipe, constants.O_RDWR);
    const writer = createLineWriter(fd, (count) => `lost ${count}`, 100_000);
    const long = 'x'.repeat(999);
    for (let index = 0; index < 1000; index += 1) {
      writer.write(`${index} ${long}`);
      if (index % 100 === 0) await sleep(1);
    }
    const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    reader.stdout.on('data', (data: Buffer) => {
      text += data.toString();
    });
    await expect.poll(() => text).toMatch(/lost \d+\n/);
    writer.write('back again');
    await expect.poll(() => text).toContain('back again\n');
    await writer.flush();
    const kept = text.match(/^\d+ x{999}$/gm)?.length ?? 0;
    const lost = [...text.matchAll(/^lost (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
    expect(kept + lost).toBe(1000);
    expect(lost).toBeGreaterThan(500);
    reader.kill();
    closeSync(fd);
  });

  test('writes what is left before a process dies', () => {
    const file = join(directory, 'log');
    const fd = openSync(file, 'w');
    const writer = createLineWriter(fd, String);
    writer.write('last');
    writer.write('words');
    writer.flushSync();
    expect(readFileSync(file, 'utf8')).toBe('last\nwords\n');
    writeSync(fd, '');
    closeSync(fd);
  });

  test('to a reader that is gone is quiet', async () => {
    const writer = createLineWriter(987_654, String);
    writer.write('a');
    await writer.flush();
    writer.write('b');
    writer.flushSync();
  });
});
