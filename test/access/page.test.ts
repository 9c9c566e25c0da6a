import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { actionGroups } from '../../src/access/actions.ts';
import { conditionKeyNamed } from '../../src/access/policy/keys.ts';
import { grantSettings, identitySettings } from '../../src/config/settings.ts';
import { loadConfig } from '../../src/config.ts';

const page = readFileSync(new URL('../../docs/identities.md', import.meta.url), 'utf8');

it('docs/identities.md names every setting of an identity and every group of actions', () => {
  for (const name of [...Object.keys(identitySettings), ...actionGroups, 'keys', 'grants']) {
    expect(page).toContain(`\n| \`${name}\` |`);
  }
  for (const name of Object.keys(grantSettings)) expect(page).toContain(`\`${name}\``);
});

it('docs/identities.md speaks of no condition key that policies do not know', () => {
  const keys = [...page.matchAll(/`((?:aws|s3):[\w-]+)(\/<key>)?`/g)].map(([, key = '', tag]) =>
    tag === undefined ? key : `${key}/x`,
  );
  const conditions = keys.filter((key) => !/^s3:(Get|Put)/.test(key));
  expect(conditions.length).toBeGreaterThan(20);
  expect(conditions.filter((key) => !conditionKeyNamed(key))).toEqual([]);
});

it('the example of docs/identities.md is sound', () => {
  const cwd = mkdtempSync(join(tmpdir(), 'partway-page-'));
  try {
    writeFileSync(join(cwd, 'secret'), 'a-secret-of-a-file');
    const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    writeFileSync(join(cwd, 'partway.yaml'), yaml.replaceAll(/\/run\/secrets\/[\w-]+/g, join(cwd, 'secret')));
    expect(loadConfig({ env: {}, cwd }).identities).toHaveLength(4);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
});
