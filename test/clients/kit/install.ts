/**
 * Gets clients from package registries: apt, PyPI, the Go module proxy, Maven Central. What is there already is used as
 * it is; the rest lands in a cache below node_modules, so that the next run starts at once.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, which } from './run.ts';

export const cacheDirectory = path.resolve(
  import.meta.dirname,
  '../../../node_modules/.cache/partway/clients',
);

/** A client that can be run, as its program's path. */
export interface Installed {
  readonly program: string;
}

/** Why a client can't be had here. */
export interface Missing {
  readonly missing: string;
}

export type Installer = () => Promise<Installed | Missing>;

const minutes = 60_000;

/** Package tools need the person's own settings (proxies, certificates, mirrors), unlike the clients under test. */
function toolEnvironment(): Record<string, string> {
  const own = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !entry[0].startsWith('AWS_') && !entry[0].startsWith('npm_'),
  );
  return { ...Object.fromEntries(own), HOME: homedir() };
}

function say(line: string): void {
  process.stderr.write(`clients: ${line}\n`);
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n').slice(0, 12).join('\n');
}

/** One installer at a time per name, also across two runs of the suite. A lock whose owner is gone is taken over. */
async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  await mkdir(cacheDirectory, { recursive: true });
  const file = path.join(cacheDirectory, `${name}.lock`);
  for (;;) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(String(process.pid));
      await handle.close();
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const owner = Number(await readFile(file, 'utf8').catch(() => '0'));
      if (owner > 0 && !existsSync(`/proc/${owner}`)) await rm(file, { force: true });
      else await sleep(500);
    }
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

/** Runs `make` unless the finished result is cached under this version; a half-made result is never used. */
async function cached(
  name: string,
  version: string,
  what: string,
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const directory = path.join(cacheDirectory, name);
  const stamp = path.join(directory, '.version');
  return locked(name, async () => {
    if ((await readFile(stamp, 'utf8').catch(() => '')) === version) return directory;
    const started = Date.now();
    say(`installing ${what}`);
    for (let attempt = 1; ; attempt++) {
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory, { recursive: true });
      try {
        await make(directory);
        break;
      } catch (error) {
        // Registries have bad moments.
        if (attempt === 3) throw error;
        say(`${what}, attempt ${attempt}: ${reason(error)}`);
        await sleep(5_000);
      }
    }
    await writeFile(`${stamp}.new`, version);
    await rename(`${stamp}.new`, stamp);
    say(`installed ${what} in ${Math.round((Date.now() - started) / 1000)} s`);
    return directory;
  });
}

async function aptInstall(packages: readonly string[]): Promise<void> {
  const options = ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];
  const env = { ...toolEnvironment(), DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: readonly string[]): Promise<unknown> =>
    run('apt-get', [...options, ...args], { env, timeout: 10 * minutes });
  const install = () => apt('install', '-y', '--no-install-recommends', ...packages);
  const isThere = await install().then(
    () => true,
    () => false,
  );
  if (isThere) return;
  // A fresh machine has no package lists yet, and is perhaps just fetching them itself: their lock knows no waiting. Mirrors have bad moments.
  for (let attempt = 1, others = 0; ; attempt++) {
    try {
      await apt('update');
      await install();
      return;
    } catch (error) {
      if (!/could not get lock|unable to lock|frontend lock/i.test(String(error))) others += 1;
      if (others === 3 || attempt === 60) throw error;
      await sleep(5_000);
    }
  }
}

/** A program from a Debian package, and what else it needs. Needs root when it is not there yet. */
export function debian(
  pkg: string,
  program: string,
  { also = [], at }: { also?: string[]; at?: string } = {},
): Installer {
  return async () => {
    const find = async (): Promise<string | undefined> => {
      const file = at === undefined ? await which(program) : existsSync(at) ? at : undefined;
      if (file === undefined || also.length === 0) return file;
      const status = await run('dpkg-query', ['-W', ...also], { accept: [0, 1] });
      return status.status === 0 ? file : undefined;
    };
    const present = await find();
    if (present !== undefined) return { program: present };
    if ((await which('apt-get')) === undefined)
      return { missing: `install ${program} (no apt-get to do it with)` };
    if (process.getuid?.() !== 0)
      return { missing: `run as root, or: sudo apt-get install ${[pkg, ...also].join(' ')}` };
    const packages = [pkg, ...also];
    try {
      await locked('apt', async () => {
        say(`installing ${packages.join(', ')} (apt)`);
        await aptInstall(packages);
      });
    } catch (error) {
      return { missing: reason(error) };
    }
    const installed = await find();
    return installed === undefined ? { missing: `${pkg} has no ${program}` } : { program: installed };
  };
}

/** A program (or `python`) of a virtual environment with these exact PyPI packages. */
export function pypi(name: string, packages: readonly string[], program = 'python'): Installer {
  return async () => {
    const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : await which('python3');
    if (python === undefined) return { missing: 'install Python 3' };
    const env = toolEnvironment();
    try {
      const directory = await cached(
        `py-${name}`,
        packages.join(' '),
        `${packages.join(', ')} (PyPI)`,
        async (to) => {
          try {
            await run(python, ['-m', 'venv', to], { env, timeout: 2 * minutes });
          } catch (error) {
            // Debian splits venv off; the version of python3 decides the package's name, python3-venv follows it.
            const venv = await debian('python3-venv', 'python3', { at: '/usr/share/doc/python3-venv' })();
            if ('missing' in venv) throw new Error(venv.missing, { cause: error });
            await rm(to, { recursive: true, force: true });
            await run(python, ['-m', 'venv', to], { env, timeout: 2 * minutes });
          }
          await run(path.join(to, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...packages], {
            env,
            timeout: 10 * minutes,
          });
        },
      );
      return { program: path.join(directory, 'bin', program) };
    } catch (error) {
      return { missing: reason(error) };
    }
  };
}

/**
 * A program built from the Go module proxy; one that is in Go's own bin directory is used as it is. One on PATH is
 * not: it may be another program of that name (Midnight Commander is called `mc` too), or another version.
 */
export function golang(module: string, version: string, program: string): Installer {
  return async () => {
    const present = await goBin(program);
    if (present !== undefined) return { program: present };
    if ((await which('go')) === undefined) return { missing: `install ${program}, or Go to build it with` };
    try {
      const directory = await cached(`go-${program}`, version, `${module}@${version} (Go)`, async (to) => {
        await run('nice', ['-n', '10', 'go', 'install', `${module}@${version}`], {
          env: { ...toolEnvironment(), GOBIN: to },
          timeout: 30 * minutes,
        });
      });
      return { program: path.join(directory, program) };
    } catch (error) {
      return { missing: reason(error) };
    }
  };
}

async function goBin(program: string): Promise<string | undefined> {
  const candidates = [process.env['GOBIN'], process.env['GOPATH'] && path.join(process.env['GOPATH'], 'bin')];
  candidates.push(path.join(homedir(), 'go/bin'));
  for (const directory of candidates) {
    if (directory === undefined || directory === '') continue;
    const file = path.join(directory, program);
    if ((await stat(file).catch(() => undefined))?.isFile()) return file;
  }
  return undefined;
}

/**
 * A Go program of ours, or the tool `pkg` of a module of ours (for modules that `go install` cannot ask the proxy about), built with the
 * module's dependencies. The sources decide the version.
 */
export function goProgram(name: string, source: string, pkg?: string): Installer {
  return async () => {
    if ((await which('go')) === undefined) return { missing: 'install Go' };
    try {
      const files = ['go.mod', 'go.sum', ...(pkg === undefined ? ['main.go'] : [])];
      const version = await digestOf(source, files);
      const directory = await cached(`go-${name}`, version, `${name} (Go modules)`, async (to) => {
        await run('nice', ['-n', '10', 'go', 'build', '-o', path.join(to, name), pkg ?? '.'], {
          cwd: source,
          env: toolEnvironment(),
          timeout: 40 * minutes,
        });
      });
      return { program: path.join(directory, name) };
    } catch (error) {
      return { missing: reason(error) };
    }
  };
}

/** A Java program of ours as a class path: the `program` is an argument file for `java @file`. */
export function mavenProgram(name: string, source: string): Installer {
  return async () => {
    if ((await which('mvn')) === undefined) return { missing: 'install Maven and a JDK (17 or newer)' };
    try {
      const version = await digestOf(source, ['pom.xml', 'src/main/java/Cases.java']);
      const directory = await cached(`mvn-${name}`, version, `${name} (Maven)`, async (to) => {
        await run('nice', ['-n', '10', 'mvn', '-q', '-B', `-DbuildDirectory=${to}/target`, 'package'], {
          cwd: source,
          env: toolEnvironment(),
          timeout: 20 * minutes,
        });
        const paths = (await readFile(path.join(to, 'target/classpath'), 'utf8')).trim();
        await writeFile(path.join(to, 'java.args'), `-cp ${to}/target/classes:${paths}\n`);
      });
      return { program: path.join(directory, 'java.args') };
    } catch (error) {
      return { missing: reason(error) };
    }
  };
}

async function digestOf(directory: string, files: readonly string[]): Promise<string> {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(path.join(directory, file)));
  return hash.digest('hex');
}
