import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'partway-hosts-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const load = (yaml: string) => {
  const file = join(directory, 'partway.yaml');
  writeFileSync(file, yaml);
  return loadConfig({ env: {}, cwd: directory, file }).accessPoints;
};

function problems(yaml: string): string[] {
  try {
    load(yaml);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ key, problem }) => `${key}: ${problem}`);
    throw error;
  }
  return [];
}

it('reads the example of docs/hosts.md', () => {
  const page = readFileSync(new URL('../../docs/hosts.md', import.meta.url), 'utf8');
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  const common = { account: '123456789012', region: 'us-east-1' };
  expect(load(yaml)).toEqual([
    { ...common, name: 'finance', bucket: 'ledger', outpost: undefined },
    { ...common, name: 'plant', bucket: 'machines', outpost: 'op-01234567890123456' },
  ]);
  expect(load('region: eu-west-1\naccessPoints: []')).toEqual([]);
});

it.each([
  ['accessPoints: 7', 'partway.yaml:1 accessPoints: is not a list'],
  ["accessPoints: [{ name: abc, account: '123456789012' }]", 'partway.yaml:1 accessPoints[0]: has no bucket'],
  [
    'accessPoints: [{ name: abc, account: 123456789012, bucket: abc }]',
    'accessPoints[0].account: is read as a number, not as text',
  ],
  [
    "accessPoints: [{ name: abc, account: '12', bucket: abc }]",
    "accessPoints[0].account: '12' is not a twelve-digit account",
  ],
  [
    "accessPoints: [{ name: abc, account: '123456789012', bucket: a/b }]",
    "accessPoints[0].bucket: 'a/b' is not a bucket",
  ],
  [
    "accessPoints: [{ name: abc, account: '123456789012', bucket: abc, alias: x }]",
    'accessPoints[0].alias: is not a setting',
  ],
  [
    "accessPoints: [{ name: abc, account: '123456789012', bucket: abc }, { name: abc, account: '123456789012', bucket: def }]",
    'accessPoints[1]: is given twice: abc of account 123456789012',
  ],
])('refuses %s', (yaml, problem) => {
  const found = problems(yaml);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(problem);
});
