/** The key pair that is made on the first start when none is configured, and kept in the state directory. */
import { randomBytes, randomInt } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError } from './problems.ts';
import { isMapping, reason } from './reader.ts';
import type { Credential } from './types.ts';

export interface GeneratedCredential {
  readonly credential: Credential;
  readonly file: string;
  /** Made just now. */
  readonly isNew: boolean;
}

/**
 * The pair kept in `stateDir`, made if there is none. Processes that race for the first start all get the one that was
 * linked into place first. @throws ConfigError
 */
export function generatedCredential(stateDir: string): GeneratedCredential {
  const file = join(stateDir, 'credentials.json');
  try {
    const kept = read(file);
    if (kept !== undefined) return { credential: kept, file, isNew: false };
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const isNew = publish(file, newCredential());
    const credential = read(file);
    if (credential === undefined) throw new Error(`${file} vanished`);
    return { credential, file, isNew };
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([
      {
        key: 'stateDir (PARTWAY_STATE_DIR)',
        problem: `cannot keep the generated credentials in ${stateDir}: ${reason(error)}`,
        fix: 'make the directory writable, name another one, or configure credentials',
      },
    ]);
  }
}

/** Letters and digits only: nothing that a shell or a configuration file would need quoted. */
function newCredential(): Credential {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const id = Array.from({ length: 16 }, () => letters[randomInt(letters.length)]).join('');
  let secret = '';
  while (secret.length < 40)
    secret += randomBytes(40)
      .toString('base64')
      .replace(/[^A-Za-z0-9]/g, '');
  return { accessKeyId: `PWAY${id}`, secretAccessKey: secret.slice(0, 40) };
}

/** Written aside, synced, and linked into place: whole or not there. `false` when another process was first. */
function publish(file: string, credential: Credential): boolean {
  const aside = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    const fd = openSync(aside, 'wx', 0o600);
    try {
      writeFileSync(fd, `${JSON.stringify(credential, null, 2)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    linkSync(aside, file);
    syncDirectory(dirname(file));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function read(file: string): Credential | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  if ((statSync(file).mode & 0o077) !== 0)
    throw problem(
      file,
      'can be read by others',
      `chmod 600 ${file}, and delete it for a new pair if others may have read it`,
    );
  const value = parse(text, file);
  if (
    !isMapping(value) ||
    typeof value['accessKeyId'] !== 'string' ||
    typeof value['secretAccessKey'] !== 'string'
  )
    throw noPair(file);
  return { accessKeyId: value['accessKeyId'], secretAccessKey: value['secretAccessKey'] };
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message would quote the file, and with it the secret.
    throw noPair(file);
  }
}

function noPair(file: string): ConfigError {
  return problem(file, 'does not hold a key pair', 'delete it for a new pair');
}

function problem(key: string, what: string, fix: string): ConfigError {
  return new ConfigError([{ key, problem: what, fix }]);
}
