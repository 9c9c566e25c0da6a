import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type InstalledPackage,
  keys,
  killAll,
  packAndInstall,
  type RunningProcess,
  repository,
  run,
  startServing,
} from './installed.ts';

let installed: InstalledPackage;

beforeAll(async () => {
  installed = await packAndInstall();
}, 600_000);
afterAll(async () => {
  killAll();
  await installed?.remove();
});

describe('the packed package', { timeout: 300_000 }, () => {
  it('holds what it needs and nothing else', () => {
    const roots = new Set(installed.files.map((path) => path.split('/')[0]));
    expect([...roots].sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'dist',
      'docs',
      'examples',
      'package.json',
    ]);
    expect(installed.files).toContain('dist/src/main.js');
    expect(installed.files.filter((path) => /(?<!\.d)\.ts$|\.test\./.test(path))).toEqual([]);
  });

  it('tells the user of an older Node.js what to do', async () => {
    const pretend = "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.19.2'})";
    const main = join(installed.project, 'node_modules/partway/dist/src/main.js');
    await expect(
      run(process.execPath, ['--import', pretend, main, '--version'], installed.project),
    ).rejects.toThrow('needs Node.js 24 or newer, and this is 20.19.2');
  });

  it('has a command that says its version', async () => {
    const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
    expect(await run(command(), ['--version'], installed.project)).toBe(`${version}\n`);
  });

  it('serves multipart uploads in several processes, and ends when it is told to', async () => {
    const gateway = await start('two-workers', { PARTWAY_WORKERS: '2' });
    await uploadAndCompare(gateway.endpoint);
    expect(await gateway.stop()).toBe(0);
    const verified = await run(command(), ['verify'], join(installed.project, 'two-workers'));
    expect(verified).toMatch(/^1 object, 12\.0 MiB\n +1 {2}as they were stored\n$/);
  });

  it('loads no cloud SDK and no Redis client for a local directory', async () => {
    const { modules } = await startTraced('local', {});
    expect(modules).toContain('partway/dist/adapters/local/index.js');
    expect(
      modules.filter((path) => /^(@azure|@google-cloud|ioredis)\/|adapters\/(azure|gcs)\//.test(path)),
    ).toEqual([]);
  });

  it.each([
    [
      'azure',
      { PARTWAY_AZURE_ACCOUNT: 'nobody', PARTWAY_AZURE_ACCOUNT_KEY: 'bm9ib2R5' },
      '@azure/storage-blob/',
      '@google-cloud/',
    ],
    [
      'gcs',
      { PARTWAY_GCS_ENDPOINT: 'http://127.0.0.1:9', PARTWAY_GCS_PROJECT_ID: 'nobody' },
      '@google-cloud/storage/',
      '@azure/',
    ],
  ])('loads the SDK of %s alone when that is configured', async (backend, settings, own, other) => {
    const { modules } = await startTraced(backend, { PARTWAY_BACKEND: backend, ...settings });
    expect(modules.some((path) => path.startsWith(own))).toBe(true);
    expect(modules.filter((path) => path.startsWith(other) || path.startsWith('ioredis/'))).toEqual([]);
  });
});

describe('the library', { timeout: 300_000 }, () => {
  it('is imported by programs without loading an SDK', async () => {
    const { modules } = await trace('import', async (env) => {
      await writeFile(
        join(installed.project, 'import.js'),
        "import { createApp } from 'partway'; process.once('SIGTERM', () => process.exit()); setInterval(() => {}, 1000); console.log(typeof createApp, 'http://127.0.0.1:1');",
      );
      return await startServing(process.execPath, ['import.js'], installed.project, env);
    });
    expect(modules).toContain('partway/dist/src/index.js');
    expect(
      modules.filter((path) => /^(@azure|@google-cloud|ioredis)\/|adapters\/(local|azure|gcs)\//.test(path)),
    ).toEqual([]);
  });

  it.each([1, 2])('serves as example %i of docs/embedding.md shows', async (number) => {
    const dir = join(installed.project, `example-${number}`);
    await mkdir(dir);
    await writeFile(join(dir, 'example.js'), await example(number));
    const running = await startServing(process.execPath, ['example.js'], dir, {
      PORT: '0',
      ACCESS_KEY_ID: keys.accessKeyId,
      SECRET_ACCESS_KEY: keys.secretAccessKey,
    });
    await uploadAndCompare(running.endpoint);
    expect(await running.stop()).toBe(0);
  });

  it('has types', async () => {
    const consumer = await readFile(join(import.meta.dirname, 'consumer.txt'), 'utf8');
    await compile('types', { 'consumer.ts': consumer }, { strict: true });
  });

  it('is shown with everything that its types ask for', async () => {
    const examples = { 'one.js': await example(1), 'two.js': await example(2) };
    await compile('examples', examples, { strict: false, allowJs: true, checkJs: true });
  });
});

async function example(number: number): Promise<string> {
  const text = await readFile(join(repository, 'docs/embedding.md'), 'utf8');
  const code = [...text.matchAll(/^```js\n(.*?)^```/gms)][number - 1]?.[1];
  if (code === undefined) throw new Error(`docs/embedding.md has no example ${number}`);
  return code;
}

/** @throws with what the compiler says */
async function compile(
  name: string,
  files: Readonly<Record<string, string>>,
  options: object,
): Promise<void> {
  const dir = join(installed.project, name);
  await mkdir(dir);
  for (const [file, code] of Object.entries(files)) await writeFile(join(dir, file), code);
  const compilerOptions = {
    ...{ noEmit: true, module: 'nodenext', target: 'es2025', skipLibCheck: true },
    ...{ types: ['node'], typeRoots: [join(repository, 'node_modules/@types')] },
    ...options,
  };
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  await run(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', dir], dir);
}

function command(): string {
  return join(installed.project, 'node_modules/.bin/partway');
}

async function start(name: string, env: Readonly<Record<string, string>>): Promise<RunningProcess> {
  const cwd = join(installed.project, name);
  await mkdir(cwd);
  return await startServing(command(), [], cwd, {
    PARTWAY_LISTEN: '127.0.0.1:0',
    PARTWAY_ACCESS_KEY_ID: keys.accessKeyId,
    PARTWAY_SECRET_ACCESS_KEY: keys.secretAccessKey,
    ...env,
  });
}

/** Modules of the packages, without the path that leads to them. */
async function trace(
  name: string,
  begin: (env: Readonly<Record<string, string>>) => Promise<RunningProcess>,
): Promise<{ readonly modules: readonly string[] }> {
  const file = join(installed.project, `${name}.trace`);
  const hook = join(import.meta.dirname, 'trace-modules.mjs');
  const running = await begin({ MODULE_TRACE: file, NODE_OPTIONS: `--import=${hook}` });
  expect(await running.stop()).toBe(0);
  const urls = (await readFile(file, 'utf8')).split('\n');
  return {
    modules: urls
      .filter((url) => url.includes('/node_modules/'))
      .map((url) => url.replace(/^.*\/node_modules\//, '')),
  };
}

function startTraced(name: string, settings: Readonly<Record<string, string>>) {
  return trace(name, (env) => start(name, { ...settings, ...env }));
}

async function uploadAndCompare(endpoint: string): Promise<void> {
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: keys });
  const body = randomBytes(12 * 1024 * 1024);
  const object = { Bucket: 'packed', Key: 'a b/ü' };
  await client.send(new CreateBucketCommand({ Bucket: object.Bucket }));
  await new Upload({ client, params: { ...object, Body: body }, partSize: 5 * 1024 * 1024 }).done();
  const { Body } = await client.send(new GetObjectCommand(object));
  const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
  client.destroy();
  const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
  expect(sha256(bytes)).toBe(sha256(body));
}
