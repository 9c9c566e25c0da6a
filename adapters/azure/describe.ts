/** The description of an object to be: its metadata, and the sidecar for what does not fit. */
import { randomBytes } from 'node:crypto';
import type { ObjectAttributes, WriteCondition } from '../types.ts';
import { encodeAttributes } from './attributes.ts';
import type { AzureContext } from './context.ts';
import { about } from './look.ts';
import { blobName, metaPrefix } from './names.ts';

export interface Target {
  readonly bucket: string;
  readonly key: string;
  readonly attributes: ObjectAttributes;
  readonly condition?: WriteCondition | undefined;
}

export interface Description {
  readonly metadata: Record<string, string>;
  /** Names this write. */
  readonly write: string;
}

/** The metadata of an object to be, its sidecar stored if it needs one. */
export async function describeFor(
  azure: AzureContext,
  target: Target,
  size: number,
  signal: AbortSignal | undefined,
  modified?: Date,
): Promise<Description> {
  const { bucket, key, attributes } = target;
  const write = randomBytes(12).toString('base64url');
  const sidecar = metaPrefix + write;
  const envelope = { size, write, ...(modified === undefined ? {} : { modified: modified.getTime() }) };
  const encoded = encodeAttributes(attributes, envelope, sidecar);
  const bytes = encoded.sidecar;
  if (bytes !== undefined) {
    const blob = azure.blob(bucket, sidecar);
    // The sweep asks the object of this name whether it still refers to the sidecar.
    const metadata = { owner: Buffer.from(blobName(key)).toString('base64url') };
    await azure.send(about('keep the attributes', blob), signal, (abortSignal) =>
      blob.upload(bytes, bytes.length, { abortSignal, metadata }),
    );
  }
  return { metadata: encoded.metadata, write };
}
