/** Which master keys there are: the configured ones, and the one that is made when none is. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parseMasterKeys } from './master-keys.ts';
import { keepPrivateFile, readPrivateFile } from './private-file.ts';
import { ConfigError } from './problems.ts';
import { reason } from './reader.ts';
import type { Config, MasterKeyConfig } from './types.ts';
import { BadValue } from './values.ts';

export interface MasterKeySet {
  readonly keys: readonly MasterKeyConfig[];
  /** Whether the first is for new objects. If not, they are only for what is there. */
  readonly isOffered: boolean;
}

/**
 * The configured keys; without any, the one kept in the state directory, which is made if there is none. Gateways that share Redis share
 * their objects too, and one's own key would be of no use to the others: they get none made. A kept key always goes on opening what it
 * encrypted. With `make: false` none is made at all, for who only reads. @throws ConfigError
 */
export function loadMasterKeys(
  { encryption, redis, stateDir }: Config,
  { make: mayMake = true }: { readonly make?: boolean } = {},
): MasterKeySet {
  const file = join(stateDir, 'master-key');
  const read = (): MasterKeyConfig | undefined => readKey(file);
  const make = mayMake && encryption.keys.length === 0 && redis === undefined;
  let kept: MasterKeyConfig | undefined;
  try {
    kept = make ? keepPrivateFile(file, newKey, read).value : read();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([
      {
        key: 'stateDir (PARTWAY_STATE_DIR)',
        problem: `cannot keep the generated master key in ${stateDir}: ${reason(error)}`,
        fix: 'make the directory writable, name another one, or configure encryption.keys',
      },
    ]);
  }
  const also = encryption.keys.some(({ id }) => id === kept?.id) ? undefined : kept;
  return {
    keys: [...encryption.keys, ...(also === undefined ? [] : [also])],
    isOffered: make || encryption.keys.length > 0,
  };
}

/** An ID of its own: so that another machine's generated key is missed by name, not mistaken for this one. */
function newKey(): string {
  return `generated-${randomBytes(6).toString('hex')}:${randomBytes(32).toString('base64')}\n`;
}

function readKey(file: string): MasterKeyConfig | undefined {
  const text = readPrivateFile(file, `chmod 600 ${file}`);
  if (text === undefined) return undefined;
  try {
    const [key] = parseMasterKeys(text);
    if (key !== undefined) return key;
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
  }
  throw new ConfigError([
    {
      key: file,
      problem: 'does not hold a master key',
      fix: 'restore it from a backup: objects that were encrypted with it cannot be read without it',
    },
  ]);
}
