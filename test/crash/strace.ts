/** What a process asks of the kernel, as `strace -f -y` tells it: every call that changes files, every fsync, every answer that it sends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export type Change =
  /** Bytes, length or times of a file. */
  | { readonly kind: 'dirty'; readonly path: string }
  | { readonly kind: 'sync-begins' | 'sync-ends'; readonly path: string; readonly thread: string }
  | { readonly kind: 'made' | 'gone'; readonly path: string }
  | { readonly kind: 'moved'; readonly path: string; readonly to: string }
  /** An HTTP answer leaves. */
  | { readonly kind: 'answered'; readonly status: number };

const calls = [
  ...['openat', 'write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'ftruncate', 'fallocate', 'utimensat'],
  ...[
    'fsync',
    'fdatasync',
    'rename',
    'renameat',
    'renameat2',
    'mkdir',
    'mkdirat',
    'unlink',
    'unlinkat',
    'rmdir',
  ],
  ...['link', 'linkat', 'copy_file_range', 'sendto', 'sendmsg'],
];

export interface Tracer {
  /** Ends with the process. */
  changes(): Promise<readonly Change[]>;
}

/** Follows a process that runs already. `undefined` where there is no strace, or it may not. */
export async function attachStrace(pid: number, output: string): Promise<Tracer | undefined> {
  const child: ChildProcess = spawn(
    'strace',
    ['-f', '-y', '-s', '32', '-e', `trace=${calls.join(',')}`, '-o', output, '-p', String(pid)],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr?.on('data', (data: Buffer) => {
    said += data.toString();
  });
  const started = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', () => resolve(false));
    child.stderr?.on('data', () => {
      if (said.includes('attached')) resolve(true);
    });
  });
  if (!started) return undefined;
  // Every thread is followed only after each has been told of.
  await sleep(200);
  return {
    async changes() {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      return parse(await readFile(output, 'utf8'));
    },
  };
}

export function parse(text: string): readonly Change[] {
  const unfinished = new Map<string, string>();
  return text.split('\n').flatMap((line): readonly Change[] => {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (resumed !== null) {
      const begun = unfinished.get(thread) ?? '';
      unfinished.delete(thread);
      // Its file was named when it began.
      return end(thread, begun + (resumed[1] ?? ''));
    }
    if (rest.endsWith('<unfinished ...>')) {
      const begun = rest.slice(0, -'<unfinished ...>'.length);
      unfinished.set(thread, begun);
      return begin(thread, begun);
    }
    return [...begin(thread, rest), ...end(thread, rest)];
  });
}

/** What counts from when the call is made. */
function begin(thread: string, call: string): readonly Change[] {
  const [, name = '', path = ''] = /^(\w+)\(\d+<([^>]*)>/.exec(call) ?? [];
  if (name === 'copy_file_range') {
    const [, to = ''] = /^copy_file_range\(\d+<[^>]*>, [^,]+, \d+<([^>]*)>/.exec(call) ?? [];
    return [{ kind: 'dirty', path: to }];
  }
  const answer = /"HTTP\/1\.1 (\d\d\d)/.exec(call);
  if (answer !== null && /^(write|writev|sendto|sendmsg)\(/.test(call))
    return [{ kind: 'answered', status: Number(answer[1]) }];
  if (/^(write|pwrite64|writev|pwritev2?|ftruncate|fallocate)$/.test(name)) return [{ kind: 'dirty', path }];
  if (name === 'utimensat' && path !== '') return [{ kind: 'dirty', path }];
  if (/^(fsync|fdatasync)$/.test(name)) return [{ kind: 'sync-begins', path, thread }];
  return [];
}

/** What counts once the call has succeeded. */
function end(thread: string, call: string): readonly Change[] {
  if (!/\)\s+= \d/.test(call)) return [];
  const [, name = ''] = /^(\w+)\(/.exec(call) ?? [];
  const paths = [...call.matchAll(/"([^"]*)"/g)].map(([, path = '']) => path);
  const [path = '', to = ''] = paths;
  if (/^(fsync|fdatasync)$/.test(name)) {
    const [, synced = ''] = /^\w+\(\d+<([^>]*)>/.exec(call) ?? [];
    return [{ kind: 'sync-ends', path: synced, thread }];
  }
  if (name === 'openat') return call.includes('O_CREAT') ? [{ kind: 'made', path }] : [];
  if (/^mkdir/.test(name)) return [{ kind: 'made', path }];
  if (/^rename/.test(name)) return [{ kind: 'moved', path, to }];
  if (/^link/.test(name)) return [{ kind: 'made', path: to }];
  if (/^(unlink|rmdir)/.test(name)) return [{ kind: 'gone', path }];
  return [];
}
