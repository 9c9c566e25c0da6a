import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { environmentName, type SettingKey, settings } from '../../src/config/settings.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { type CertificateFiles, makeCertificate } from '../kit/certificate.ts';

const page = new URL('../../docs/configuration.md', import.meta.url);

/** The tables of the page stand between `<!-- settings: … -->`, which names keys or their first word, and `<!-- end -->`. */
const section = /(<!-- settings: ([^>]+) -->\n)[\s\S]*?(<!-- end -->)/g;

function keysOf(words: string): SettingKey[] {
  const wanted = words.split(' ');
  return (Object.keys(settings) as SettingKey[]).filter((key) => wanted.includes(key.split('.')[0] ?? key));
}

function row(key: SettingKey): string {
  const { default: initial, secret, summary, type } = settings[key];
  const shown = initial === undefined || initial === '' ? '' : `\`${initial}\``;
  return `| \`${key}\`${secret ? ' 🔒' : ''}<br>\`${environmentName(key)}\` | ${type.name} | ${shown} | ${summary} |\n`;
}

// `npx vitest run test/config/docs.test.ts -u` brings the page up to date.
test('docs/configuration.md shows every setting as it is', async () => {
  const text = readFileSync(page, 'utf8');
  const shown: SettingKey[] = [];
  const fresh = text.replace(section, (_, start: string, words: string, end: string) => {
    const keys = keysOf(words);
    shown.push(...keys);
    return `${start}| Setting | Value | Default | Meaning |\n|---|---|---|---|\n${keys.map(row).join('')}${end}`;
  });
  expect(shown.toSorted()).toEqual(Object.keys(settings).sort());
  await expect(fresh).toMatchFileSnapshot(page.pathname);
});

describe('examples', () => {
  let directory = '';
  let files: CertificateFiles & { readonly secret: string };
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'partway-examples-'));
    // Good as a secret and as a Redis URL.
    writeFileSync(join(directory, 'secret'), 'redis://localhost');
    files = { secret: join(directory, 'secret'), ...makeCertificate(directory) };
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const load = (yaml: string): Config => {
    const file = join(directory, 'partway.yaml');
    const here = yaml
      .replaceAll('/etc/partway/cert.pem', files.certFile)
      .replaceAll('/etc/partway/key.pem', files.keyFile)
      .replace(/\/run\/secrets\/[\w.-]+/g, files.secret);
    writeFileSync(file, here);
    return loadConfig({ env: {}, cwd: directory, file });
  };

  test('of the page are sound', () => {
    const examples = [...readFileSync(page, 'utf8').matchAll(/```yaml\n([\s\S]*?)```/g)];
    expect(examples.length).toBeGreaterThan(1);
    for (const [, yaml = ''] of examples) load(yaml);
  });

  const example = readFileSync(new URL('../../examples/partway.example.yaml', import.meta.url), 'utf8');

  test('the file changes nothing as it is', () => {
    expect(load(example)).toEqual(load(''));
  });

  test('the file is sound with everything uncommented', () => {
    const config = load(example.replace(/^#(?=\S| {2})/gm, ''));
    expect(config.buckets).toHaveLength(3);
    expect(config.credentials).toHaveLength(1);
  });
});
