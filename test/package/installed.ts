/** Packs the package as `npm publish` would and installs it in an empty directory, as its users do. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

export const repository = resolve(import.meta.dirname, '../..');
export const keys = {
  accessKeyId: 'PARTWAYTESTKEY000001',
  secretAccessKey: 'partway-test-secret-0123456789',
};

/** What a release is made from. The build runs on a copy, so that two runs cannot meet in one `dist`. */
const sources = [
  ...['package.json', 'tsconfig.json', 'tsconfig.build.json', 'src', 'adapters'],
  ...['docs', 'examples', 'README.md', 'SECURITY.md', 'LICENSE', 'CHANGELOG.md'],
];

export interface InstalledPackage {
  /** The project that it is installed in. */
  readonly project: string;
  /** Paths in the packed file. */
  readonly files: readonly string[];
  remove(): Promise<void>;
}

export async function packAndInstall(): Promise<InstalledPackage> {
  const root = await mkdtemp(join(tmpdir(), 'partway-package-'));
  const remove = (): Promise<void> => rm(root, { recursive: true, force: true });
  try {
    return { ...(await packInto(root)), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function packInto(root: string): Promise<Omit<InstalledPackage, 'remove'>> {
  const [source, project] = [join(root, 'source'), join(root, 'project')];
  await mkdir(source);
  await mkdir(project);
  for (const name of sources) await cp(join(repository, name), join(source, name), { recursive: true });
  await symlink(join(repository, 'node_modules'), join(source, 'node_modules'));
  const packed = await run('npm', ['pack', '--pack-destination', root], source);
  const filename = packed.trim().split('\n').at(-1) ?? '';
  const listed = await run('tar', ['-tzf', join(root, filename)], root);
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  const patiently = ['--prefer-offline', '--fetch-retries=5', '--no-audit', '--no-fund'];
  await run('npm', ['install', ...patiently, join(root, filename)], project);
  const files = listed
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
  return { project, files };
}

/** Where to write, and how to reach the registry. */
const inherited =
  /^(HOME|TMPDIR|NODE_EXTRA_CA_CERTS|npm_config_(cafile|registry)|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY)$/;

/** Node as it runs the tests comes first: the one on PATH may be too old. */
function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH = '' } = process.env;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => inherited.test(name))),
    PATH: `${dirname(process.execPath)}${delimiter}${PATH}`,
    ...extra,
  };
}

/** @returns its standard output */
export async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const options = { cwd, env: environment(), maxBuffer: 2 ** 26 };
  return await new Promise((resolve, reject) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args[0]} failed:\n${stdout}${stderr}`, { cause: error }));
    });
  });
}

export interface RunningProcess {
  readonly endpoint: string;
  /** SIGTERM. @returns exit code */
  stop(): Promise<number | null>;
}

const running = new Set<ChildProcess>();

/** Resolves once the process says `http://…:port` on standard output. */
export async function startServing(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<RunningProcess> {
  const child = spawn(command, args, { cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const ended = once(child, 'exit').finally(() => running.delete(child));
  let output = '';
  const endpoint = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = /http:\/\/127\.0\.0\.1:\d+(?=\D)/.exec(output)?.[0];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${output}`)));
  });
  return {
    endpoint,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      return child.exitCode;
    },
  };
}

/** What a failed test left behind. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}
