/** The key pair that is made on the first start when none is configured, and kept in the state directory. */
import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { keepPrivateFile, readPrivateFile } from './private-file.ts';
import { ConfigError } from './problems.ts';
import { isMapping, reason } from './reader.ts';
import type { Credential } from './types.ts';

export interface GeneratedCredential {
  readonly credential: Credential;
  readonly file: string;
  /** Made just now. */
  readonly isNew: boolean;
}

/** The pair kept in `stateDir`, made if there is none: one, however many processes start at once. @throws ConfigError */
export function generatedCredential(stateDir: string): GeneratedCredential {
  const file = join(stateDir, 'credentials.json');
  try {
    const { isNew, value } = keepPrivateFile(
      file,
      () => `${JSON.stringify(newCredential(), null, 2)}\n`,
      () => read(file),
    );
    return { credential: value, file, isNew };
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

function read(file: string): Credential | undefined {
  const text = readPrivateFile(
    file,
    `chmod 600 ${file}, and delete it for a new pair if others may have read it`,
  );
  if (text === undefined) return undefined;
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
  return new ConfigError([
    { key: file, problem: 'does not hold a key pair', fix: 'delete it for a new pair' },
  ]);
}
