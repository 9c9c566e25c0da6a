/** Master keys of SSE-S3 as they are written down. */
import type { MasterKeyConfig } from './types.ts';
import { BadValue, type ValueType } from './values.ts';

const entry = /^([\w.-]{1,64}):([A-Za-z0-9+/]{43}=)$/;

/** `id:base64` each, between commas, white space or lines. @throws BadValue that repeats nothing of them */
export function parseMasterKeys(text: string): readonly MasterKeyConfig[] {
  const keys: MasterKeyConfig[] = [];
  for (const item of text.split(/[\s,]+/).filter((each) => each !== '')) {
    const [, id, key] = entry.exec(item) ?? [];
    if (id === undefined || key === undefined) {
      throw new BadValue(
        'is not a list of keys',
        'write id:key, the key as base64 of 32 bytes (openssl rand -base64 32)',
      );
    }
    if (keys.some((other) => other.id === id)) {
      throw new BadValue(`has the ID ${id} twice`, 'give each key an ID of its own');
    }
    keys.push({ id, key });
  }
  return keys;
}

export const masterKeyList: ValueType<string> = {
  name: 'list of `id:key`',
  list: true,
  parse(value) {
    parseMasterKeys(value);
    return value;
  },
};
