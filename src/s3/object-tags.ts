/** The tags of an object: read, replaced, removed. They lie in its attributes, and its bytes and ETag stay as they are. */
import { isAdapterError } from '../../adapters/errors.ts';
import type { ObjectAttributes } from '../../adapters/types.ts';
import type { RequestContext } from './operation.ts';

/** Times that a change starts over because the object was replaced meanwhile. */
const maxAttempts = 5;

export async function changeTags(
  context: RequestContext,
  tags: Readonly<Record<string, string>> | undefined,
): Promise<void> {
  const { bucket, gateway, key } = context;
  const storage = gateway.storage.for(bucket);
  for (let attempt = 1; ; attempt += 1) {
    const { attributes, version } = await storage.headObject({ bucket, key });
    const { tags: _old, ...rest } = attributes;
    const changed: ObjectAttributes = tags === undefined ? rest : { ...rest, tags };
    try {
      await storage.setAttributes({ bucket, key, version, attributes: changed });
      return;
    } catch (error) {
      if (!isAdapterError(error, 'PreconditionFailed') || attempt === maxAttempts) throw error;
    }
  }
}
