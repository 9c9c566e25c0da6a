import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { generatedCredential } from '../../src/config/generated.ts';
import { ConfigError } from '../../src/config.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'partway-generated-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a pair is made once, for the owner only, and found again', () => {
  const state = join(directory, 'state');
  const first = generatedCredential(state);
  expect(first.isNew).toBe(true);
  expect(first.credential.accessKeyId).toMatch(/^PWAY[A-Z2-7]{16}$/);
  expect(first.credential.secretAccessKey).toMatch(/^[A-Za-z0-9]{40}$/);
  expect(statSync(state).mode & 0o777).toBe(0o700);
  expect(statSync(first.file).mode & 0o777).toBe(0o600);
  expect(generatedCredential(state)).toEqual({ ...first, isNew: false });
  expect(readdirSync(state)).toEqual(['credentials.json']);
});

test('processes that start together get one pair', async () => {
  const state = join(directory, 'state');
  const module = new URL('../../src/config/generated.ts', import.meta.url).href;
  const script = `
    const { generatedCredential } = await import(${JSON.stringify(module)});
    while (Date.now() < ${Date.now() + 1500});
    console.log(JSON.stringify(generatedCredential(${JSON.stringify(state)})));`;
  const run = promisify(execFile);
  const outputs = await Promise.all(
    Array.from({ length: 6 }, () => run(process.execPath, ['--input-type=module', '-e', script])),
  );
  const results = outputs.map(({ stdout }) => JSON.parse(stdout) as ReturnType<typeof generatedCredential>);
  expect(new Set(results.map(({ credential }) => JSON.stringify(credential))).size).toBe(1);
  expect(results.filter(({ isNew }) => isNew)).toHaveLength(1);
  expect(readdirSync(state)).toEqual(['credentials.json']);
});

test('a pair that others can read is refused', () => {
  const { file } = generatedCredential(directory);
  chmodSync(file, 0o644);
  expect(() => generatedCredential(directory)).toThrow(ConfigError);
});

test('a damaged file is a problem that does not show its content', () => {
  const file = join(directory, 'credentials.json');
  for (const content of ['', '{"accessKeyId":"AKID","secretAccessKey":"canary', '{"accessKeyId":1}', '[]']) {
    writeFileSync(file, content, { mode: 0o600 });
    let message = '';
    try {
      generatedCredential(directory);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      message = String(error);
    }
    expect(message).toContain('does not hold a key pair');
    expect(message).not.toContain('canary');
  }
});

test('a state directory that cannot be made is a problem with its key', () => {
  writeFileSync(join(directory, 'file'), '');
  expect(() => generatedCredential(join(directory, 'file', 'state'))).toThrow(/PARTWAY_STATE_DIR/);
  expect(existsSync(join(directory, 'file', 'state'))).toBe(false);
});

test('a state directory where the kernel makes none is an error, not a wait without end', () => {
  expect(() => generatedCredential('/proc/partway/state')).toThrow(/PARTWAY_STATE_DIR/);
});
