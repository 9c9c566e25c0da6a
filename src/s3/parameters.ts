/** Query parameters that several actions share, judged with AWS's texts. */

import { S3Error } from './errors.ts';
import type { RequestContext } from './operation.ts';

const maxInteger = 2_147_483_647;
/** Lists answer at most this many entries, whatever was asked ("ListObjectsV2", MaxKeys). */
export const pageLimit = 1000;

/** What a count or marker may be, inclusive. */
interface Bounds {
  readonly min: number;
  readonly max: number;
}

const anyCount: Bounds = { min: 0, max: maxInteger };

/**
 * A count or marker such as `max-parts`: absent and empty mean `fallback`.
 * InvalidArgument when it is no integer or out of bounds.
 */
export function integerParameter(
  context: RequestContext,
  name: string,
  fallback: number,
  bounds = anyCount,
): number {
  return integerOf(name, context.target.query.get(name), fallback, bounds);
}

/** The same of a header's value. */
export function integerOf(
  name: string,
  text: string | undefined,
  fallback: number,
  { max, min } = anyCount,
): number {
  if (text === undefined || text === '') return fallback;
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  // What 32 bits cannot hold is no integer to AWS; only what they can is out of bounds.
  if (Number.isNaN(value) || value < -maxInteger - 1 || value > maxInteger) {
    throw new S3Error('InvalidArgument', {
      message: `Provided ${name} not an integer or within integer range`,
      extra: { ArgumentName: name, ArgumentValue: text },
    });
  }
  if (value < min || value > max) {
    // AWS calls this one by another name here.
    const argument = name === 'max-keys' ? 'maxKeys' : name;
    throw new S3Error('InvalidArgument', {
      message: `Argument ${argument} must be an integer between ${min} and ${max}`,
      extra: { ArgumentName: argument, ArgumentValue: value },
    });
  }
  return value;
}

/** `encoding-type`: `url` or nothing. */
export function encodingType(context: RequestContext): 'url' | undefined {
  const text = context.target.query.get('encoding-type');
  if (text === undefined) return undefined;
  if (text === 'url') return 'url';
  throw new S3Error('InvalidArgument', {
    message: 'Invalid Encoding Method specified in Request',
    extra: { ArgumentName: 'encoding-type', ArgumentValue: text },
  });
}

/** An unversioned bucket knows one version, called `null` ("Working with objects in a versioning-suspended bucket"). */
export function refuseVersionId(context: RequestContext): void {
  const versionId = context.target.query.get('versionId');
  if (versionId === undefined || versionId === 'null') return;
  // One that could have been given out by another bucket.
  if (/^[\w.]{32}$/.test(versionId)) {
    throw new S3Error('NoSuchVersion', { extra: { Key: context.key, VersionId: versionId } });
  }
  throw new S3Error('InvalidArgument', {
    message: versionId === '' ? 'Version id cannot be the empty string' : 'Invalid version id specified',
    extra: { ArgumentName: 'versionId', ArgumentValue: versionId },
  });
}

const maxPartNumber = 10_000;

/** `partNumber` of a part upload: 1 to 10,000. */
export function partNumberParameter(context: RequestContext): number {
  const text = context.target.query.get('partNumber') ?? '';
  const value = /^\+?\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > maxPartNumber) {
    throw new S3Error('InvalidArgument', {
      message: `Part number must be an integer between 1 and ${maxPartNumber}, inclusive`,
      extra: { ArgumentName: 'partNumber', ArgumentValue: text },
    });
  }
  return value;
}
