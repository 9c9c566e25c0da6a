/**
 * Loaded into a gateway before its own code (`--import`): while the file named by FAIL_FILES exists, the calls that it lists fail with its
 * code, on files below its path. The file system is the real one.
 */
import nodeFs from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

interface Plan {
  /** `open`, `rename`, `mkdir`, `read`, `write`, `sync`. */
  readonly calls: readonly string[];
  readonly code: string;
  readonly below: string;
}

const file = process.env['FAIL_FILES'] ?? '';
const { existsSync, readFileSync } = nodeFs;
const paths = new Map<number, string>();

function failure(call: string, path: unknown): Error | undefined {
  if (!existsSync(file)) return undefined;
  const plan = JSON.parse(readFileSync(file, 'utf8')) as Plan;
  if (!plan.calls.includes(call) || !String(path).startsWith(plan.below)) return undefined;
  return Object.assign(new Error(`${plan.code}: made to fail, ${call}`), { code: plan.code, syscall: call });
}

type Call = (...args: unknown[]) => unknown;

function wrap(
  target: object,
  name: string,
  call: string,
  pathOf: (self: unknown, first: unknown) => unknown,
): void {
  const methods = target as Record<string, Call>;
  const original = methods[name] as Call;
  const isPromise = target === fs || target === prototype;
  methods[name] = function (this: unknown, ...args: unknown[]) {
    const error = failure(call, pathOf(this, args[0]));
    if (error === undefined) return original.apply(this, args);
    if (isPromise) return Promise.reject(error);
    throw error;
  };
}

const probe = await fs.open(import.meta.filename);
const prototype = Object.getPrototypeOf(probe) as object;
await probe.close();

const open = fs.open.bind(fs);
fs.open = async (path, ...rest) => {
  const error = failure('open', path);
  if (error !== undefined) throw error;
  const handle = await open(path, ...rest);
  paths.set(handle.fd, String(path));
  return handle;
};
const { openSync } = nodeFs;
nodeFs.openSync = (path, ...rest) => {
  const error = failure('open', path);
  if (error !== undefined) throw error;
  const descriptor = openSync(path, ...rest);
  paths.set(descriptor, String(path));
  return descriptor;
};
const ofHandle = (self: unknown): unknown => paths.get((self as FileHandle).fd);
for (const name of ['rename', 'mkdir']) wrap(fs, name, name, (_, path) => path);
for (const name of ['read', 'readFile']) wrap(prototype, name, 'read', ofHandle);
for (const name of ['write', 'writev', 'writeFile']) wrap(prototype, name, 'write', ofHandle);
for (const name of ['sync', 'datasync']) wrap(prototype, name, 'sync', ofHandle);
wrap(nodeFs, 'readSync', 'read', (_, descriptor) => paths.get(descriptor as number));
syncBuiltinESMExports();
