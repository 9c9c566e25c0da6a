import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { type Config, ConfigError, loadConfig } from '../../src/config.ts';
import { identitiesYaml } from './kit.ts';

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'partway-identities-'));
  writeFileSync(join(cwd, 'secret'), 'secret-of-its-own\n');
  writeFileSync(join(cwd, 'token'), 'token-of-its-own\n');
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

function load(yaml: string, env: Record<string, string> = {}): Config {
  writeFileSync(join(cwd, 'partway.yaml'), yaml);
  return loadConfig({ env, cwd });
}

/** `place: problem` of each. */
function problems(yaml: string, env: Record<string, string> = {}): readonly string[] {
  try {
    load(yaml, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ key, problem }) => `${key}: ${problem}`);
    throw error;
  }
  return [];
}

const key = (id: string) => `{ accessKeyId: ${id}, secretAccessKey: a-secret-key }`;
const one = (more: string, keys = '') => `identities:\n  - name: alice\n    keys: [${keys}]\n    ${more}\n`;

describe('identities', () => {
  it('have keys, names and grants', () => {
    const { anonymous, identities } = load(identitiesYaml);
    expect(
      identities.map(({ administrator, displayName, name }) => [name, displayName, administrator]),
    ).toEqual([
      ['alice', 'alice', false],
      ['bob', 'bob', false],
      ['carol', 'carol', false],
      ['dora', 'dora', true],
    ]);
    expect(identities[1]?.grants).toEqual([
      { buckets: ['shared-*'], prefix: 'bob/', actions: ['list', 'read', 'write', 'delete'] },
    ]);
    expect(identities[2]?.keys[1]).toEqual({
      accessKeyId: 'CAROLSTEMP',
      secretAccessKey: 'temporary-secret-01',
      sessionToken: 'the+token/of=carol',
      expiresAt: '2999-01-01T00:00:00Z',
    });
    expect(anonymous).toEqual([{ buckets: ['open-*'], prefix: '', actions: ['read'] }]);
    const ids = identities.map(({ canonicalId }) => canonicalId);
    expect(new Set(ids).size).toBe(4);
    expect(ids.every((id) => /^[0-9a-f]{64}$/.test(id))).toBe(true);
    expect(load(identitiesYaml).identities.map(({ canonicalId }) => canonicalId)).toEqual(ids);
  });

  it('may stand in a file of their own', () => {
    writeFileSync(join(cwd, 'identities.yaml'), identitiesYaml);
    expect(load('identitiesFile: identities.yaml\n').identities).toHaveLength(4);
    expect(load('', { PARTWAY_IDENTITIES_FILE: 'identities.yaml' }).anonymous).toHaveLength(1);
  });

  it('take secrets from files', () => {
    const yaml = one(
      '',
      '{ accessKeyId: ABC, secretAccessKeyFile: secret, sessionTokenFile: token, expiresAt: 2030-01-01T00:00:00Z }',
    );
    expect(load(yaml).identities[0]?.keys).toEqual([
      {
        accessKeyId: 'ABC',
        secretAccessKey: 'secret-of-its-own',
        sessionToken: 'token-of-its-own',
        expiresAt: '2030-01-01T00:00:00Z',
      },
    ]);
  });

  it('are enough to listen to other machines', () => {
    expect(problems(`listen: 0.0.0.0:9000\n${one('', key('ABC'))}`)).toEqual([]);
    expect(problems(`listen: 0.0.0.0:9000\n${one('')}`)).toHaveLength(1);
  });

  it.each([
    ['a mapping', 'identities: { name: alice }', 'is not a list'],
    ['an entry that is a word', 'identities: [alice]', 'is not a mapping'],
    ['no name', 'identities: [{ grants: [] }]', 'has no name'],
    ['a name that is none', 'identities: [{ name: "a/b" }]', "'a/b' is not a name"],
    ['the name of the account', 'identities: [{ name: root }]', 'is called root, and so is another'],
    ['a name twice', 'identities: [{ name: a }, { name: a }]', 'is called a, and so is another'],
    [
      'an ID twice',
      `identities: [{ name: a, canonicalId: ${'a'.repeat(64)} }, { name: b, canonicalId: ${'a'.repeat(64)} }]`,
      'has the canonical ID of another',
    ],
    ['an ID that is none', 'identities: [{ name: a, canonicalId: abc }]', "'abc' is not a canonical ID"],
    ['an unknown setting', one('colour: red'), 'is not a setting'],
    ['a key without a secret', one('', '{ accessKeyId: ABC }'), 'is missing'],
    ['a short secret', one('', '{ accessKeyId: ABC, secretAccessKey: abc }'), 'is not usable'],
    ['a key twice', one('', `${key('ABC')}, ${key('ABC')}`), 'has an access key ID that is given twice: ABC'],
    [
      'a key of the account',
      `credentials: [${key('ABC')}]\n${one('', key('ABC'))}`,
      'has an access key ID that is given twice: ABC',
    ],
    ['three keys', one('', `${key('ABC')}, ${key('DEF')}, ${key('GHI')}`), 'holds 3 lasting keys'],
    [
      'an end without a token',
      one('', '{ accessKeyId: ABC, secretAccessKey: a-secret-key, expiresAt: 2030-01-01T00:00:00Z }'),
      'is given without a sessionToken',
    ],
    [
      'an end that is no time',
      one('', '{ accessKeyId: ABC, secretAccessKey: a-secret-key, sessionToken: t, expiresAt: tomorrow }'),
      "'tomorrow' is not a date and time",
    ],
    ['a grant without buckets', one('grants: [{ actions: [read] }]'), 'is missing'],
    ['a grant without actions', one('grants: [{ buckets: [a] }]'), 'is missing'],
    [
      'an action that is none',
      one('grants: [{ buckets: [abc], actions: [reed] }]'),
      "'reed' cannot be allowed here",
    ],
    [
      'a bucket that can be none',
      one('grants: [{ buckets: [A_B], actions: [read] }]'),
      "'A_B' is not a bucket name or pattern",
    ],
    [
      'strangers who write',
      'anonymous: [{ buckets: [abc], actions: [write] }]',
      "'write' cannot be allowed here",
    ],
    ['an account that is none', 'accountId: "123"', "'123' is not a twelve-digit account"],
  ])('with %s are told of', (_, yaml, problem) => {
    const found = problems(`${yaml}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(problem);
  });

  it('in two places, or in no file, are told of, with all that is wrong there', () => {
    writeFileSync(join(cwd, 'identities.yaml'), 'identities: [{ name: "a/b" }]\nanonymus: []\n');
    expect(problems(`identitiesFile: identities.yaml\n${one('')}`)).toEqual([
      expect.stringContaining('is given, and so is identitiesFile'),
      expect.stringContaining('anonymus: is not a setting'),
      expect.stringContaining("'a/b' is not a name"),
    ]);
    expect(problems('identitiesFile: nowhere.yaml\n')).toEqual([expect.stringContaining('cannot be read')]);
  });

  it('never show a secret in a problem', () => {
    const yaml = one(
      '',
      '{ accessKeyId: ABC, secretAccessKey: "with a space" }, { accessKeyId: ABC, secretAccessKey: short }',
    );
    expect(problems(yaml).join()).not.toMatch(/with a space|short/);
  });
});

describe('the command line', () => {
  const run = async (command: string): Promise<{ status: number; said: string }> => {
    writeFileSync(join(cwd, 'partway.yaml'), identitiesYaml);
    let said = '';
    const say = (text: string): void => {
      said += text;
    };
    const status = await main({ argv: [command], env: {}, cwd, terminal: false, out: say, err: say });
    return { status, said };
  };

  it('shows with check-config who may do what, and no secret', async () => {
    const { said, status } = await run('check-config');
    expect(status).toBe(0);
    expect(said).toContain('alice (1 key): list, read, write in shared-*');
    expect(said).toContain('bob (1 key): list, read, write, delete in shared-*/bob/');
    expect(said).toContain('dora (1 key): everything');
    expect(said).toContain('read in open-*');
    expect(said).not.toMatch(/secret-of|temporary-secret|the\+token/);
  });

  it('generates no key beside those of identities', async () => {
    const { said, status } = await run('credentials');
    expect([status, said]).toEqual([2, expect.stringContaining('credentials are configured (KEYOFALICE')]);
  });
});
