import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Config, ConfigError, loadConfig, type Problem } from '../../src/config.ts';
import { type CertificateFiles, makeCertificate } from '../kit/certificate.ts';

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'partway-config-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

function load(env: Record<string, string> = {}, yaml?: string): Config {
  if (yaml === undefined) return loadConfig({ env, cwd });
  const file = join(mkdtempSync(join(cwd, 'file-')), 'partway.yaml');
  writeFileSync(file, yaml);
  return loadConfig({ env, cwd, file });
}

function problems(env: Record<string, string>, yaml?: string): readonly Problem[] {
  try {
    load(env, yaml);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const keys = { PARTWAY_ACCESS_KEY_ID: 'AKID', PARTWAY_SECRET_ACCESS_KEY: 'a-secret-key' };

describe('defaults', () => {
  test('serve a local directory on the loopback address, without Redis', () => {
    const config = load();
    expect(config.listen).toEqual({ host: '127.0.0.1', port: 9000 });
    expect(config.backends).toEqual([
      { kind: 'local', name: 'local', bucketPrefix: '', bucketNames: {}, root: join(cwd, 'data') },
    ]);
    expect(config.stateDir).toBe(join(cwd, '.partway'));
    expect(config.redis).toBeUndefined();
    expect(config.credentials).toEqual([]);
    expect(config.durability).toBe('full');
    expect(config.uploads.maxAgeMs).toBe(7 * 24 * 3600 * 1000);
    expect(config.log.format).toBe('json');
  });

  test('the log is pretty for a person', () => {
    expect(loadConfig({ env: {}, cwd, terminal: true }).log.format).toBe('pretty');
    expect(loadConfig({ env: { PARTWAY_LOG_FORMAT: 'json' }, cwd, terminal: true }).log.format).toBe('json');
  });

  test('an empty variable counts as unset', () => {
    expect(load({ PARTWAY_LISTEN: '', PARTWAY_REDIS_URL: '' }).redis).toBeUndefined();
  });
});

describe('sources', () => {
  test('the environment wins over the file', () => {
    const config = load({ PARTWAY_REGION: 'eu-west-1' }, 'region: eu-north-1\nworkers: 3\n');
    expect(config.region).toBe('eu-west-1');
    expect(config.workers).toBe(3);
  });

  test('relative paths start where they are written', () => {
    const config = load({ PARTWAY_STATE_DIR: 'state' }, 'fs:\n  root: objects\n');
    expect(config.stateDir).toBe(join(cwd, 'state'));
    expect(config.backends[0]).toMatchObject({ root: join(config.file ?? '', '..', 'objects') });
  });

  test('partway.yaml in the working directory is read without being named, another one by PARTWAY_CONFIG', () => {
    const directory = mkdtempSync(join(cwd, 'named-'));
    writeFileSync(join(directory, 'partway.yaml'), 'region: from-default\n');
    writeFileSync(join(directory, 'other.yaml'), 'region: from-other\n');
    expect(loadConfig({ env: {}, cwd: directory }).region).toBe('from-default');
    expect(loadConfig({ env: { PARTWAY_CONFIG: 'other.yaml' }, cwd: directory }).region).toBe('from-other');
  });

  test('an empty file is no problem', () => {
    expect(load({}, '# nothing\n').region).toBe('us-east-1');
  });

  test('lists: commas in the environment, a list or commas in the file', () => {
    expect(load({ PARTWAY_BASE_DOMAINS: 'S3.example.com, b.example.com' }).baseDomains).toEqual([
      's3.example.com',
      'b.example.com',
    ]);
    expect(load({}, 'trustedProxies: [10.0.0.0/8, "::1"]\n').trustedProxies).toEqual(['10.0.0.0/8', '::1']);
  });

  test.each([
    ['90s', 90_000],
    ['500ms', 500],
    ['5m', 300_000],
    ['1h', 3_600_000],
  ])('the duration %s', (text, ms) => {
    expect(load({ PARTWAY_TIMEOUTS_IDLE: text }).timeouts.idleMs).toBe(ms);
  });

  test.each([
    ['127.0.0.1:9000', '127.0.0.1', 9000],
    ['[::1]:80', '::1', 80],
    ['localhost:0', 'localhost', 0],
  ])('the address %s', (listen, host, port) => {
    expect(load({ PARTWAY_LISTEN: listen }).listen).toEqual({ host, port });
  });
});

describe('secrets', () => {
  test('come from a file, without its line end', () => {
    const file = join(cwd, 'secret.txt');
    writeFileSync(file, 'from-a-file\n');
    expect(load({ PARTWAY_ACCESS_KEY_ID: 'AKID', PARTWAY_SECRET_ACCESS_KEY_FILE: file }).credentials).toEqual(
      [{ accessKeyId: 'AKID', secretAccessKey: 'from-a-file' }],
    );
    expect(
      load({}, `accessKeyId: AKID\nsecretAccessKeyFile: ${file}\n`).credentials[0]?.secretAccessKey,
    ).toBe('from-a-file');
    const urlFile = join(cwd, 'redis-url.txt');
    writeFileSync(urlFile, 'redis://:password@host\n');
    expect(load({}, `redis:\n  urlFile: ${urlFile}\n`).redis?.url).toBe('redis://:password@host');
  });

  test('given both ways are a problem', () => {
    expect(problems({ ...keys, PARTWAY_SECRET_ACCESS_KEY_FILE: '/dev/null' })).toMatchObject([
      { key: 'PARTWAY_SECRET_ACCESS_KEY', problem: 'is given, and so is PARTWAY_SECRET_ACCESS_KEY_FILE' },
    ]);
  });

  test('are not repeated in messages', () => {
    const [problem] = problems({}, 'accessKeyId: AKID\nsecretAccessKey: "short 1"\n');
    expect(JSON.stringify(problem)).not.toContain('short 1');
  });

  test('several credentials', () => {
    const config = load(
      keys,
      `credentials:
  - accessKeyId: SECOND
    secretAccessKey: second-secret
  - accessKeyId: THIRD
    secretAccessKey: third-secret
`,
    );
    expect(config.credentials.map(({ accessKeyId }) => accessKeyId)).toEqual(['AKID', 'SECOND', 'THIRD']);
  });
});

describe('problems', () => {
  test('are all told at once, each with its key and a fix', () => {
    const found = problems(
      {
        PARTWAY_LISTN: '127.0.0.1:9000',
        PARTWAY_LISTEN: '9000',
        PARTWAY_WORKERS: 'many',
        PARTWAY_DURABILITY: 'maybe',
        PARTWAY_TRUSTED_PROXIES: '10.0.0.0/33',
        PARTWAY_UPLOADS_MAX_AGE: '7',
        PARTWAY_ACCESS_KEY_ID: 'AKID',
        PARTWAY_TLS_CERT_FILE: 'cert.pem',
        PARTWAY_BACKEND: 'azur',
      },
      `regoin: x
fs: { rot: ./x }
log:
  level: loud
tls: yes please
azure:
  account: Bad_Name
`,
    );
    const told = found.map(
      ({ key, problem }) => `${key.replace(/^.*partway\.yaml/, 'partway.yaml')}: ${problem}`,
    );
    expect(told.sort()).toEqual(
      [
        'PARTWAY_LISTN: is not a setting',
        "PARTWAY_LISTEN: '9000' is not host:port",
        "PARTWAY_WORKERS: 'many' is not a whole number",
        "PARTWAY_DURABILITY: 'maybe' is not one of its values",
        "PARTWAY_TRUSTED_PROXIES: '10.0.0.0/33' is not an address or range",
        "PARTWAY_UPLOADS_MAX_AGE: '7' is not a duration",
        "backend (PARTWAY_BACKEND): there is no backend 'azur'",
        'secretAccessKey (PARTWAY_SECRET_ACCESS_KEY): is missing beside accessKeyId',
        'tls.keyFile (PARTWAY_TLS_KEY_FILE): is missing',
        'partway.yaml:1 regoin: is not a setting',
        'partway.yaml:2 fs.rot: is not a setting',
        "partway.yaml:4 log.level: 'loud' is not one of its values",
        'partway.yaml:5 tls: is not a mapping',
        "partway.yaml:7 azure.account: 'Bad_Name' is not a storage account",
      ].sort(),
    );
    for (const { fix } of found) expect(fix).not.toBe('');
    expect(found.find(({ key }) => key === 'PARTWAY_LISTN')?.fix).toBe("did you mean 'PARTWAY_LISTEN'?");
    expect(found.find(({ key }) => key.endsWith('regoin'))?.fix).toBe("did you mean 'region'?");
    expect(found.find(({ key }) => key.startsWith('backend'))?.fix).toBe("did you mean 'azure'?");
  });

  test.each([
    ['a file that is not there', { PARTWAY_CONFIG: 'nowhere.yaml' }, undefined, 'no such file'],
    ['broken YAML', {}, 'a: [1\n', 'Flow sequence'],
    [
      'a file of identities that is not there',
      {},
      'identitiesFile: nowhere.yaml\n',
      'nowhere.yaml cannot be read: no such file',
    ],
    ['a list instead of a mapping', {}, '- a\n', 'is not a mapping'],
    ['a key given twice', {}, 'region: a\nregion: b\n', 'the same key is given twice'],
    [
      'a number where text is meant',
      {},
      'accessKeyId: 0123\nsecretAccessKey: "12345678"\n',
      'is read as a number, not as text',
    ],
    ['a list where text is meant', {}, 'region: [a]\n', 'is a list'],
    ['a bare number for a duration', {}, 'uploads: { maxAge: 7 }\n', "'7' is not a duration"],
    ['a retention below a day', { PARTWAY_UPLOADS_RETENTION: '23h' }, undefined, 'out of range'],
    ['a Redis URL that is none', { PARTWAY_REDIS_URL: 'http://:canary@h' }, undefined, 'is not usable'],
    ['an endpoint that is no HTTP URL', { PARTWAY_GCS_ENDPOINT: 'ftp://x' }, undefined, 'not a URL'],
    ['a credential list that is none', {}, 'credentials: AKID\n', 'is not a list'],
    ['an empty credential', {}, 'credentials:\n  - {}\n', 'holds no credential'],
    [
      'a repeated access key ID',
      keys,
      'credentials: [{accessKeyId: AKID, secretAccessKey: other-secret}]\n',
      'given twice',
    ],
    [
      'state inside the served directory',
      { PARTWAY_STATE_DIR: './data/bucket/state' },
      undefined,
      'lies inside',
    ],
    ['state that is the served directory', { PARTWAY_STATE_DIR: './data' }, undefined, 'lies inside'],
  ])('%s', (_, env, yaml, text) => {
    expect(
      problems(env, yaml)
        .map(({ problem }) => problem)
        .join('\n'),
    ).toContain(text);
  });

  test('YAML that breaks off is told once, with its place', () => {
    const found = problems({}, 'listen: 127.0.0.1:9000\n listne: x\nregion: a\nworkers: 1\n');
    expect(found).toHaveLength(1);
    expect(found[0]?.key).toMatch(/partway\.yaml:\d+:\d+$/);
    expect(found[0]?.problem).not.toMatch(/at line/);
  });

  test('keys that cannot be read are not missing', () => {
    expect(
      problems({
        PARTWAY_LISTEN: '0.0.0.0:9000',
        PARTWAY_ACCESS_KEY_ID: 'a',
        PARTWAY_SECRET_ACCESS_KEY: 'long-enough',
      }),
    ).toMatchObject([{ key: 'PARTWAY_ACCESS_KEY_ID', problem: "'a' is not an access key ID" }]);
  });

  test('variables that Kubernetes sets for a service called "partway" are not ours', () => {
    expect(
      problems({
        PARTWAY_SERVICE_HOST: '10.0.0.1',
        PARTWAY_SERVICE_PORT_S3: '9000',
        PARTWAY_PORT: 'tcp://10.0.0.1:9000',
        PARTWAY_PORT_9000_TCP_ADDR: '10.0.0.1',
      }),
    ).toEqual([]);
  });
});

describe('listening beyond this machine', () => {
  test.each(['0.0.0.0:9000', '[::]:9000', '10.1.2.3:9000', 'gateway.example.com:9000'])(
    '%s needs credentials',
    (listen) => {
      expect(problems({ PARTWAY_LISTEN: listen })).toMatchObject([{ key: 'listen (PARTWAY_LISTEN)' }]);
      expect(problems({ PARTWAY_LISTEN: listen, ...keys })).toEqual([]);
      expect(problems({ PARTWAY_LISTEN: listen, PARTWAY_ALLOW_INSECURE_LISTEN: 'true' })).toEqual([]);
    },
  );

  test.each(['127.0.0.1:9000', '127.8.8.8:1', '[::1]:9000', 'localhost:9000'])('%s does not', (listen) => {
    expect(problems({ PARTWAY_LISTEN: listen })).toEqual([]);
  });
});

describe('backends', () => {
  test('of the top level', () => {
    expect(
      load({ PARTWAY_BACKEND: 'azure', PARTWAY_AZURE_ACCOUNT: 'acct', PARTWAY_AZURE_STAGING: 'direct' })
        .backends,
    ).toEqual([
      {
        kind: 'azure',
        name: 'azure',
        bucketPrefix: '',
        bucketNames: {},
        connectionString: undefined,
        account: 'acct',
        accountKey: undefined,
        sasToken: undefined,
        endpoint: undefined,
        staging: 'direct',
      },
    ]);
    const [gcs] = load({ PARTWAY_BACKEND: 'gcs', PARTWAY_GCS_BUCKET_PREFIX: 'acme-' }).backends;
    expect(gcs).toMatchObject({ kind: 'gcs', bucketPrefix: 'acme-' });
  });

  test.each([
    ['no account', {}, 'azure.account: is missing'],
    [
      'a key without its account',
      { accountKey: 'k', endpoint: 'http://x' },
      'azure.account: is missing beside accountKey',
    ],
    ['key and SAS', { account: 'acct', accountKey: 'k', sasToken: 's' }, 'azure.sasToken: is given'],
    ['connection string and account', { connectionString: 'c', account: 'acct' }, 'azure.account: is given'],
  ])('Azure with %s', (_, azure, text) => {
    const found = problems({}, JSON.stringify({ backend: 'azure', azure }));
    expect(found.map(({ key, problem }) => `${key}: ${problem}`).join('\n')).toContain(text);
  });

  test('buckets are routed to named backends, exact names first', () => {
    const config = load(
      {},
      `
backends:
  azure-eu: { kind: azure, account: euro, accountKey: key, containerPrefix: p- }
  archive: { kind: local, root: /srv/archive }
  unused: { kind: gcs }
buckets:
  logs-*: azure-eu
  old-*: { backend: archive }
  logs-special: { backend: archive, name: special }
`,
    );
    expect(config.backends.map(({ name }) => name)).toEqual(['local', 'archive', 'azure-eu']);
    expect(config.backends[1]).toMatchObject({
      root: '/srv/archive',
      bucketNames: { 'logs-special': 'special' },
    });
    expect(config.backends[2]).toMatchObject({ account: 'euro', accountKey: 'key', bucketPrefix: 'p-' });
    expect(config.buckets).toEqual([
      { pattern: 'logs-special', backend: 'archive' },
      { pattern: 'logs-*', backend: 'azure-eu' },
      { pattern: 'old-*', backend: 'archive' },
    ]);
  });

  test('the default may be a named one', () => {
    expect(load({}, 'backend: a\nbackends: { a: { kind: local, root: /a } }\n').backends).toMatchObject([
      { name: 'a', root: '/a' },
    ]);
  });

  test.each([
    ['a bucket routed twice', 'buckets:\n  a: local\n  a: local\n', 'the same key is given twice'],
    ['an unknown backend', 'buckets: { a: azure-eu }\n', "there is no backend 'azure-eu'"],
    ['no backend', 'buckets: { a: {} }\n', 'names no backend'],
    ['an impossible bucket name', 'buckets: { A_B: local }\n', 'neither a bucket name nor a pattern'],
    ['a name for a pattern', 'buckets: { "a*": { backend: local, name: x } }\n', 'cannot be used here'],
    [
      'two buckets that are one',
      'buckets: { a: { backend: local, name: b }, b: local }\n',
      "is 'b' in local, and so is a",
    ],
    ['an unknown key of a route', 'buckets: { a: { backend: local, nam: x } }\n', 'is not a setting'],
    ['an unknown key of a backend', 'backends: { x: { kind: local, rooot: y } }\n', 'is not a setting'],
    ['no kind', 'backends: { x: {} }\n', 'is missing'],
    ['an unknown kind', 'backends: { x: { kind: s3 } }\n', 'is not a kind of backend'],
    ['a name that is taken', 'backends: { gcs: { kind: gcs } }\n', 'the top level configures'],
    ['a key file that holds none', 'backend: gcs\ngcs: { keyFile: /dev/null }\n', 'no credentials of Google'],
    ['a key file that is not there', 'backend: gcs\ngcs: { keyFile: nowhere.json }\n', 'no such file'],
  ])('%s is a problem', (_, yaml, text) => {
    expect(
      problems({}, yaml)
        .map(({ problem }) => problem)
        .join('\n'),
    ).toContain(text);
  });
});

describe('TLS files', () => {
  let one: CertificateFiles;
  let other: CertificateFiles;
  beforeAll(() => {
    mkdirSync(join(cwd, 'tls'));
    one = makeCertificate(join(cwd, 'tls'), 'one');
    other = makeCertificate(join(cwd, 'tls'), 'other');
    writeFileSync(join(cwd, 'tls/none.pem'), 'none');
  });
  const told = (certFile: string, keyFile: string): readonly Problem[] =>
    problems({ PARTWAY_TLS_CERT_FILE: certFile, PARTWAY_TLS_KEY_FILE: keyFile });

  test('of one pair are no problem', () => {
    expect(told(one.certFile, one.keyFile)).toEqual([]);
  });

  test('must be there', () => {
    expect(told(one.certFile, 'tls/key.pem')).toMatchObject([
      { key: 'tls.keyFile', problem: expect.stringContaining('no such file') },
    ]);
  });

  test('must hold a certificate and a key', () => {
    expect(told('tls/none.pem', 'tls/none.pem')).toMatchObject([
      { key: 'tls.certFile', problem: expect.stringContaining('holds no certificate') },
      { key: 'tls.keyFile', problem: expect.stringContaining('holds no private key') },
    ]);
  });

  test('must belong to each other', () => {
    expect(told(one.certFile, other.keyFile)).toMatchObject([
      { key: 'tls.keyFile', problem: expect.stringContaining('is not the key of') },
    ]);
  });
});

test('a configuration survives the way to a worker process as JSON', () => {
  const config = load(keys, 'buckets: { a: local }\nredis: { url: "redis://h" }\n');
  expect(JSON.parse(JSON.stringify(config))).toEqual(
    JSON.parse(JSON.stringify(config, (_, value) => value ?? undefined)),
  );
  expect(JSON.parse(JSON.stringify(config))).toMatchObject({
    credentials: config.credentials,
    backends: [{ root: join(cwd, 'data') }],
  });
});
