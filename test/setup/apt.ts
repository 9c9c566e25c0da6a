/** Programs that the tests need beside Node.js: found on PATH, else installed by apt on a Debian machine where we are root. */
import { execFile } from 'node:child_process';
import { access, open, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { onPath } from '../kit/on-path.ts';
import type { Unavailable } from './service.ts';

const run = promisify(execFile);
/** One apt at a time: its locks are not always waited for. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Sees to it that `program` is on PATH.
 * @param which what a person who has to install it is told of its version
 * @returns why it is not there
 */
export async function provide(
  program: string,
  debianPackage: string,
  which?: string,
): Promise<Unavailable | undefined> {
  if (onPath(program)) return undefined;
  const hint = `install ${program}${which === undefined ? '' : ` (${which})`} and put it on PATH`;
  if (process.getuid?.() !== 0) return { unavailable: `no ${program} on PATH and not root: ${hint}` };
  const isDebian = await access('/etc/debian_version').then(
    () => true,
    () => false,
  );
  if (!isDebian) return { unavailable: `no ${program} on PATH and not Debian: ${hint}` };
  const installed = last.then(() => install(debianPackage, () => onPath(program)));
  last = installed.catch(() => {});
  const problem = await installed;
  return problem === undefined
    ? undefined
    : { unavailable: `apt-get could not install ${debianPackage}: ${hint}\n${problem}` };
}

/** @returns what apt said, when it is not there in the end */
async function install(debianPackage: string, isThere: () => boolean): Promise<string | undefined> {
  console.error(`test set-up: installing ${debianPackage} by apt-get …`);
  // invoke-rc.d starts no service while policy-rc.d answers 101; one that is there already is left alone.
  const policy = '/usr/sbin/policy-rc.d';
  const ours = await open(policy, 'wx', 0o755).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  });
  await ours?.writeFile('#!/bin/sh\nexit 101\n');
  await ours?.close();
  try {
    let problem = '';
    // The lock of the package lists knows no waiting, and another run may hold it: try again for a while. A mirror is tried again too.
    for (let attempt = 1, others = 0; attempt <= 40 && others < 3; attempt++) {
      // Some list that cannot be had is no harm where the package is in another.
      for (const args of [['update'], ['install', '-y', '--no-install-recommends', debianPackage]]) {
        problem = await apt(...args).then(
          () => '',
          (error: unknown) => (error instanceof Error ? error.message : String(error)),
        );
      }
      if (isThere()) return undefined;
      if (!/could not get lock|unable to lock|frontend lock/i.test(problem)) others += 1;
      await sleep(3_000);
    }
    return problem;
  } finally {
    if (ours !== undefined) await rm(policy, { force: true });
  }
}

async function apt(...args: string[]): Promise<void> {
  await run('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 16 * 1024 * 1024,
  });
}
