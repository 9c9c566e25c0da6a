/** What every part of the adapter works with, and the two things that all of them do: read an object's description, and publish. */
import { randomBytes } from 'node:crypto';
import { AdapterError, type AdapterErrorKind, isAdapterError } from '../errors.ts';
import type { ObjectAttributes, ObjectInfo, WriteCondition } from '../types.ts';
import type { Api, Preconditions, Resource } from './api.ts';
import { STORAGE_CLASS } from './api.ts';
import {
  type Decoded,
  decode,
  encode,
  foreignAttributes,
  METADATA_KEY,
  nativeHeaders,
} from './attributes.ts';
import { hasStatus, mayHaveHappened, translate } from './errors.ts';
import { ATTRIBUTES, bucketName } from './names.ts';
import { mapInFlight } from './parallel.ts';
import type { NewResource } from './upload.ts';

export interface Gcs {
  readonly api: Api;
  /** Stands before every S3 bucket name. */
  readonly bucketPrefix: string;
  /** Of new buckets. */
  readonly location: string | undefined;
  project(): Promise<string>;
}

type Signal = AbortSignal | undefined;

export const MAX_OBJECT_BYTES = 5 * 1024 ** 4;

export function demandSize(size: number): void {
  if (size > MAX_OBJECT_BYTES) {
    throw new AdapterError('TooLarge', `GCS holds objects of up to 5 TiB; this one has ${size} bytes`);
  }
}

/** Unguessable, and never the same twice. */
export function nonce(): string {
  return randomBytes(15).toString('base64url');
}

/** The GCS bucket; one that GCS could not hold does not exist. */
export function gcsBucket(gcs: Gcs, bucket: string): string {
  try {
    return bucketName(bucket, gcs.bucketPrefix);
  } catch (error) {
    throw new AdapterError('NoSuchBucket', `there is no bucket ${JSON.stringify(bucket)}`, { cause: error });
  }
}

/** Runs one call on a bucket, its failures as adapter errors. */
export async function calling<T>(
  gcs: Gcs,
  call: {
    readonly action: string;
    readonly bucket: string;
    readonly signal?: Signal;
    readonly subject?: 'source' | 'target';
    readonly role?: string;
    /** What is missing at a 404 whose bucket is there. */
    readonly missing?: AdapterErrorKind;
  },
  run: (bucket: string) => Promise<T>,
): Promise<T> {
  const { missing, signal, ...context } = call;
  try {
    return await run(gcsBucket(gcs, call.bucket));
  } catch (error) {
    throw await translate(error, {
      ...context,
      ...(missing === undefined
        ? {}
        : {
            missing: {
              kind: missing,
              bucketExists: () => bucketExists(gcs, gcsBucket(gcs, call.bucket), signal),
            },
          }),
    });
  }
}

export async function bucketExists(gcs: Gcs, bucket: string, signal: Signal): Promise<boolean> {
  try {
    await gcs.api.getBucket(bucket, signal);
    return true;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    throw error;
  }
}

/** `undefined` when there is no such object (or no such bucket). */
export async function live(
  gcs: Gcs,
  bucket: string,
  name: string,
  signal: Signal,
): Promise<Resource | undefined> {
  try {
    return await gcs.api.get(bucket, name, {}, signal);
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

export function versionOf({ generation, metageneration }: Resource): string {
  return `${generation}.${metageneration}`;
}

export function preconditions(condition: WriteCondition | undefined): Preconditions {
  if (condition === undefined) return {};
  if ('absent' in condition) return { ifGenerationMatch: '0' };
  const [, ifGenerationMatch, ifMetagenerationMatch] = /^(\d+)\.(\d+)$/.exec(condition.version) ?? [];
  if (ifGenerationMatch === undefined || ifMetagenerationMatch === undefined) {
    throw new AdapterError('PreconditionFailed', 'the version is none that GCS gave');
  }
  return { ifGenerationMatch, ifMetagenerationMatch };
}

/** What the object says of itself in its metadata; `undefined` when it says nothing that we understand. */
export function ownDescription(resource: Resource): Decoded | undefined {
  try {
    return demandDescription(resource);
  } catch (error) {
    // One damaged object must keep neither a listing nor a write over it from working. Reading it tells of the damage.
    if (isAdapterError(error, 'Corrupt')) return undefined;
    throw error;
  }
}

function demandDescription({ metadata }: Resource): Decoded | undefined {
  const value = metadata?.[METADATA_KEY];
  return value === undefined ? undefined : decode(value);
}

export async function describe(
  gcs: Gcs,
  bucket: string,
  key: string,
  resource: Resource,
  signal: Signal,
): Promise<ObjectInfo> {
  const own = demandDescription(resource);
  if (own === undefined) return info(key, resource, foreignAttributes(resource));
  const { attributes } = own.sidecar === undefined ? own : await whole(gcs, bucket, own.sidecar, signal);
  return info(key, resource, attributes, own.writtenAt);
}

/** What did not fit into the metadata. */
async function whole(gcs: Gcs, bucket: string, sidecar: string, signal: Signal): Promise<Decoded> {
  try {
    return decode(await gcs.api.text(bucket, sidecar, signal));
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
    throw new AdapterError('Corrupt', `the object's attributes are lost: ${sidecar} is gone`, {
      cause: error,
    });
  }
}

function info(
  key: string,
  resource: Resource,
  attributes: ObjectAttributes,
  writtenAt: Date | undefined = undefined,
): ObjectInfo {
  return {
    key,
    size: Number(resource.size),
    lastModified: lastModified(resource, writtenAt),
    version: versionOf(resource),
    attributes,
  };
}

/** Whole seconds, as S3 counts: the XML API gives no more, and every way of asking must agree. */
export function lastModified({ timeCreated }: Resource, writtenAt: Date | undefined): Date {
  const time = writtenAt?.getTime() ?? Date.parse(timeCreated);
  return new Date(Math.floor(time / 1000) * 1000);
}

/** The attributes on their way to becoming an object's description. */
export interface Publication {
  readonly mark: string;
  readonly resource: NewResource;
  readonly attributes: ObjectAttributes;
  readonly writtenAt: Date | undefined;
  /** The private object that must be there before the description that names it. */
  readonly sidecar?: { readonly name: string; readonly text: string };
}

export function publication(
  attributes: ObjectAttributes,
  options: { readonly writtenAt?: Date; readonly taken?: number } = {},
): Publication {
  const mark = nonce();
  const { value, sidecar } = encode(attributes, {
    ...options,
    mark,
    sidecarName: () => ATTRIBUTES + nonce(),
  });
  return {
    mark,
    attributes,
    writtenAt: options.writtenAt,
    resource: {
      ...nativeHeaders(attributes),
      metadata: { [METADATA_KEY]: value },
    },
    ...(sidecar === undefined ? {} : { sidecar }),
  };
}

/**
 * Makes an object visible by one write of the service, tried again while that may help. A write whose answer was lost is
 * looked for before it is repeated: `mark` tells it from every other.
 */
export async function publish(
  gcs: Gcs,
  target: { readonly bucket: string; readonly name: string; readonly key: string; readonly signal: Signal },
  { mark, sidecar, attributes, writtenAt }: Publication,
  write: () => Promise<Resource>,
): Promise<ObjectInfo> {
  const { bucket, name, signal } = target;
  if (sidecar !== undefined) await writeSidecar(gcs, bucket, name, sidecar, signal);
  let perhapsDone = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return info(target.key, await write(), attributes, writtenAt);
    } catch (error) {
      perhapsDone ||= mayHaveHappened(error);
      if (perhapsDone && !signal?.aborted) {
        const found = await live(gcs, bucket, name, signal);
        if (found !== undefined && ownDescription(found)?.mark === mark) {
          return info(target.key, found, attributes, writtenAt);
        }
      }
      try {
        await gcs.api.transport.pause(error, attempt, signal);
      } catch (final) {
        if (sidecar !== undefined && !perhapsDone) await discard(gcs, bucket, [sidecar.name]);
        throw final;
      }
    }
  }
}

async function writeSidecar(
  gcs: Gcs,
  bucket: string,
  name: string,
  sidecar: { readonly name: string; readonly text: string },
  signal: Signal,
): Promise<void> {
  const resource = {
    contentType: 'application/json',
    storageClass: STORAGE_CLASS,
    // The sweep asks this object whether it still needs its sidecar.
    metadata: { of: name },
  };
  const content = { resource, bytes: Buffer.from(sidecar.text) };
  await gcs.api.transport.retry(signal, () => gcs.api.insert(bucket, sidecar.name, content, {}, signal));
}

/** Removes private objects that nothing refers to. One that stays is only wasted space, which the sweep collects. */
export async function discard(gcs: Gcs, bucket: string, names: readonly string[]): Promise<void> {
  await mapInFlight(names, 16, (name) => gcs.api.remove(bucket, name, {}, undefined).catch(() => undefined));
}
