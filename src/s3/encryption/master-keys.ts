/** The keys that wrap the data keys of SSE-S3, told apart by ID. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { S3Error } from '../errors.ts';
import { cipherName, damaged, deriveKey, tagSize } from './format.ts';

export interface MasterKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

/** What a data key belongs to. It is unwrapped for nothing else. */
export interface WrapContext {
  readonly bucket: string;
  readonly key: string;
  readonly envelopeSalt: Buffer;
}

export class MasterKeys {
  readonly #keys: ReadonlyMap<string, MasterKey>;
  /** Wraps new data keys. Without one, SSE-S3 is not offered; what is there stays readable. */
  readonly current: MasterKey | undefined;

  /** @param keys the first is current, unless `current` is false */
  constructor(keys: readonly MasterKey[], { current = true }: { readonly current?: boolean } = {}) {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.current = current ? keys[0] : undefined;
  }

  /** Base64 of a data key, wrapped by the given master key. */
  wrap({ id, key }: MasterKey, dataKey: Buffer, context: WrapContext): string {
    // Each wrapping key is used once, since the salt is the envelope's own: so the nonce may be fixed.
    const cipher = createCipheriv(cipherName, wrappingKey(key, id, context), nonce, {
      authTagLength: tagSize,
    });
    return Buffer.concat([cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]).toString('base64');
  }

  /** InternalError when the master key is not configured any more, `Corrupt` when the wrapped key was changed. */
  unwrap(id: string, wrapped: string, context: WrapContext): Buffer {
    const master = this.#keys.get(id);
    if (master === undefined) {
      throw new S3Error('InternalError', {
        cause: new Error(
          `${context.bucket}/${context.key} is encrypted under the master key '${id}', which is not configured: add it to encryption.keys`,
        ),
      });
    }
    const bytes = Buffer.from(wrapped, 'base64');
    try {
      const decipher = createDecipheriv(cipherName, wrappingKey(master.key, id, context), nonce, {
        authTagLength: tagSize,
      });
      decipher.setAuthTag(bytes.subarray(-tagSize));
      return Buffer.concat([decipher.update(bytes.subarray(0, -tagSize)), decipher.final()]);
    } catch (cause) {
      throw damaged(`its key cannot be unwrapped with the master key '${id}'`, cause);
    }
  }
}

const nonce = Buffer.alloc(12);

function wrappingKey(master: Buffer, id: string, { bucket, envelopeSalt, key }: WrapContext): Buffer {
  return deriveKey(master, envelopeSalt, 'partway wrap 1', id, bucket, key);
}
