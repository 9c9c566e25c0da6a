import type { BlockBlobClient } from '@azure/storage-blob';
import { AdapterError } from '../errors.ts';
import type { AzureContext } from './context.ts';
import { about } from './look.ts';

/** Throws, as of the source, unless it is still in the state that is copied. */
export async function checkSource(
  azure: AzureContext,
  { blob, version }: { readonly blob: BlockBlobClient; readonly version: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  // Without a condition: a blob that is not there would be told as one in another state.
  const { etag } = await azure.send(
    { ...about('read the source of the copy', blob), subject: 'source' },
    signal,
    (abortSignal) => blob.getProperties({ abortSignal }),
  );
  if (etag !== version)
    throw new AdapterError('PreconditionFailed', `the source '${blob.name}' is in another state`, {
      subject: 'source',
    });
}
