import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadMasterKeys } from '../../src/config/load-master-keys.ts';
import { type Config, ConfigError, loadConfig } from '../../src/config.ts';

let cwd = '';
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'partway-master-keys-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const [one, two] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];

function load(env: Record<string, string>, yaml?: string): Config {
  if (yaml === undefined) return loadConfig({ env, cwd });
  const file = join(cwd, 'partway.yaml');
  writeFileSync(file, yaml);
  return loadConfig({ env, cwd, file });
}

describe('encryption.keys', () => {
  const both = [
    { id: '2026', key: one },
    { id: 'old.key_1-a', key: two },
  ];

  test('as variable, list, text or file', () => {
    expect(load({}).encryption).toEqual({ keys: [], backendAtRest: false, kms: 'refuse' });
    const text = `2026:${one},old.key_1-a:${two}`;
    expect(load({ PARTWAY_ENCRYPTION_KEYS: text }).encryption.keys).toEqual(both);
    const list = `encryption:\n  keys:\n    - 2026:${one}\n    - old.key_1-a:${two}\n`;
    expect(load({}, list).encryption.keys).toEqual(both);
    expect(load({}, `encryption:\n  keys: "${text}"\n`).encryption.keys).toEqual(both);
    writeFileSync(join(cwd, 'keys'), `2026:${one}\nold.key_1-a:${two}\n`);
    expect(load({}, 'encryption:\n  keysFile: keys\n').encryption.keys).toEqual(both);
    expect(load({ PARTWAY_ENCRYPTION_KEYS_FILE: join(cwd, 'keys') }).encryption.keys).toEqual(both);
  });

  test.each([
    ['no ID', one],
    ['an ID that cannot be', `a b:${one}`],
    ['a key of 16 bytes', `a:${randomBytes(16).toString('base64')}`],
    ['a key of 33 bytes', `a:${randomBytes(33).toString('base64')}`],
    ['a key in hex', `a:${randomBytes(32).toString('hex')}`],
    ['an ID given twice', `a:${one},a:${two}`],
  ])('with %s are a problem, which does not repeat them', (_, text) => {
    let problem: unknown;
    try {
      load({ PARTWAY_ENCRYPTION_KEYS: text });
    } catch (error) {
      problem = error;
    }
    expect(problem).toBeInstanceOf(ConfigError);
    expect(String(problem)).toContain('PARTWAY_ENCRYPTION_KEYS');
    expect(String(problem)).not.toContain(text.slice(-20));
    expect(String(problem)).not.toContain(one);
  });
});

describe('the generated master key', () => {
  const file = (config: Config): string => join(config.stateDir, 'master-key');

  test('is made when none is configured, once, for the owner only', () => {
    const config = load({});
    const first = loadMasterKeys(config);
    expect(first).toMatchObject({
      isOffered: true,
      keys: [{ id: expect.stringMatching(/^generated-[0-9a-f]{12}$/) }],
    });
    expect(Buffer.from(first.keys[0]?.key ?? '', 'base64')).toHaveLength(32);
    expect(statSync(file(config)).mode & 0o777).toBe(0o600);
    expect(loadMasterKeys(config)).toEqual(first);
    expect(readdirSync(config.stateDir)).toEqual(['master-key']);
  });

  test('is not made beside configured keys or Redis, and is kept when it is there', () => {
    const configured = load({ PARTWAY_ENCRYPTION_KEYS: `a:${one}` });
    expect(loadMasterKeys(configured)).toEqual({ isOffered: true, keys: [{ id: 'a', key: one }] });
    const shared = load({ PARTWAY_REDIS_URL: 'redis://localhost' });
    expect(loadMasterKeys(shared)).toEqual({ isOffered: false, keys: [] });
    expect(existsSync(file(shared))).toBe(false);

    const [kept] = loadMasterKeys(load({})).keys;
    expect(loadMasterKeys(configured).keys).toEqual([{ id: 'a', key: one }, kept]);
    expect(loadMasterKeys(shared)).toEqual({ isOffered: false, keys: [kept] });
  });

  test.each([
    ['can be read by others', (path: string) => chmodSync(path, 0o644)],
    ['does not hold a master key', (path: string) => writeFileSync(path, 'damaged')],
    ['does not hold a master key', (path: string) => writeFileSync(path, '')],
  ])('that %s is a problem, and is not replaced', (problem, damage) => {
    const config = load({});
    loadMasterKeys(config);
    damage(file(config));
    const content = readFileSync(file(config), 'utf8');
    expect(() => loadMasterKeys(config)).toThrow(problem);
    expect(() => loadMasterKeys(config)).toThrow(ConfigError);
    expect(readFileSync(file(config), 'utf8')).toBe(content);
  });

  test('in a state directory that cannot be made is a problem with its key', () => {
    writeFileSync(join(cwd, 'file'), '');
    const config = load({ PARTWAY_STATE_DIR: './file/state' });
    expect(() => loadMasterKeys(config)).toThrow(/PARTWAY_STATE_DIR/);
  });
});
