/**
 * What a request says of itself to the conditions of a policy (IAM User Guide, "AWS global condition context keys"; Service
 * Authorization Reference, "Condition keys for Amazon S3"). Looked up one by one: most policies ask for few or none.
 */

import { listActions } from '../../access/actions.ts';
import type { Caller } from '../../access/caller.ts';
import type { Asked } from '../../access/grants.ts';
import type { KeyValues } from '../../access/policy/evaluate.ts';
import { parseBasicDate } from '../../auth/dates.ts';
import { accessPointArn } from '../../http/access-points.ts';
import { parseCopySource } from '../copy-source.ts';
import type { RequestContext } from '../operation.ts';
import { parseTaggingHeader } from '../tagging-header.ts';

type Tags = Readonly<Record<string, string>>;

/** What conditions ask for and the request's head does not tell. */
export interface Known {
  /** Of the object as it is. */
  readonly existing?: Tags;
  /** Of the object as it is to be, where they come in the body. */
  readonly requested?: Tags;
  /** ETag that stands with a key in DeleteObjects; `undefined` for a key without one, whatever the request's head says. */
  readonly ifMatch?: string | undefined;
}

/** Headers that are condition keys under their own names. */
const ownHeaders: ReadonlySet<string> = new Set([
  'x-amz-acl',
  'x-amz-content-sha256',
  'x-amz-metadata-directive',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-storage-class',
  'x-amz-website-redirect-location',
  'x-amz-object-ownership',
  'x-amz-grant-full-control',
  'x-amz-grant-read',
  'x-amz-grant-read-acp',
  'x-amz-grant-write',
  'x-amz-grant-write-acp',
  'if-match',
  'if-none-match',
]);
/** Parameters of lists. */
const ownParameters: ReadonlySet<string> = new Set(['prefix', 'delimiter', 'max-keys']);

export function keyValues(context: RequestContext, asked: Asked, caller: Caller, known: Known): KeyValues {
  const now = new Date();
  return (key) => {
    if (key.startsWith('aws:')) return globalValue(key.slice(4), context, caller, now);
    return key.startsWith('s3:') ? serviceValue(key.slice(3), context, asked, caller, known, now) : undefined;
  };
}

type Values = readonly string[] | undefined;

function one(value: string | undefined): Values {
  return value === undefined ? undefined : [value];
}

function globalValue(name: string, context: RequestContext, caller: Caller, now: Date): Values {
  const isAnonymous = caller.kind === 'anonymous';
  switch (name) {
    case 'currenttime':
      return [now.toISOString()];
    case 'epochtime':
      return [String(Math.floor(now.getTime() / 1000))];
    case 'sourceip':
      return one(context.client.address);
    case 'securetransport':
      return [String(context.scheme === 'https')];
    case 'referer':
      return one(context.headers.get('referer'));
    case 'useragent':
      return one(context.headers.get('user-agent'));
    case 'requestedregion':
      return [context.gateway.settings.region];
    case 'username':
      return one(caller.name);
    case 'userid':
      return [caller.kind === 'account' ? caller.account : caller.id];
    case 'principalarn':
      return isAnonymous ? undefined : [caller.arn];
    case 'principalaccount':
      return isAnonymous ? undefined : [caller.account];
    case 'principaltype':
      return [isAnonymous ? 'Anonymous' : caller.kind === 'account' ? 'Account' : 'User'];
    case 'resourceaccount':
      return [caller.account];
    // A Deny for everybody but AWS's services asks them: without a value it would be for nobody.
    case 'viaawsservice':
      return ['false'];
    case 'principalisawsservice':
      return isAnonymous ? undefined : ['false'];
    default:
      return undefined;
  }
}

function serviceValue(
  name: string,
  context: RequestContext,
  asked: Asked,
  caller: Caller,
  known: Known,
  now: Date,
): Values {
  const { action } = asked;
  const { auth, client, headers, target } = context;
  if (name === 'if-match' && 'ifMatch' in known) return one(known.ifMatch);
  if (ownHeaders.has(name)) return one(headers.get(name));
  if (ownParameters.has(name)) {
    if (!listActions.has(action)) return undefined;
    // Whether a key that is not there may be told of is asked as a list of that key is, whatever the request's parameters.
    if (context.key !== '') return name === 'prefix' ? one(asked.prefix) : undefined;
    return one(target.query.get(name));
  }
  const [head = '', tag] = split(name);
  switch (head) {
    case 'existingobjecttag':
      return one(tagNamed(known.existing, tag));
    case 'requestobjecttag':
      return one(tagNamed(requestedTags(context, known), tag));
    case 'requestobjecttagkeys': {
      const requested = requestedTags(context, known);
      return requested === undefined ? undefined : Object.keys(requested);
    }
    case 'resourceaccount':
      return [caller.account];
    case 'x-amz-copy-source':
      return copySource(context);
    case 'objectcreationoperation':
      return makesObject(context, action);
    case 'dataaccesspointaccount':
      return one(target.accessPoint?.account);
    case 'dataaccesspointarn':
      return one(target.accessPoint && accessPointArn(target.accessPoint));
    case 'accesspointnetworkorigin':
      return target.accessPoint && ['Internet'];
    case 'versionid':
      return one(target.query.get('versionId'));
    case 'signatureversion':
      return auth.kind === 'signed' ? ['AWS4-HMAC-SHA256'] : undefined;
    case 'authtype':
      if (auth.kind === 'anonymous') return undefined;
      return [authTypes[auth.scheme]];
    case 'signatureage': {
      const signed = auth.kind === 'signed' ? parseBasicDate(auth.signing.timestamp) : undefined;
      return signed === undefined ? undefined : [String(Math.max(0, now.getTime() - signed.getTime()))];
    }
    case 'tlsversion':
      return one(client.tlsVersion());
    case 'locationconstraint':
      return action === 's3:CreateBucket' ? [context.gateway.settings.region] : undefined;
    default:
      return undefined;
  }
}

const authTypes = { header: 'REST-HEADER', presigned: 'REST-QUERY-STRING', form: 'POST' } as const;

/** As `bucket/key` and `/bucket/key`, since policies write both; what was sent may be escaped, or an ARN. */
function copySource({ gateway, headers }: RequestContext): Values {
  const text = headers.get('x-amz-copy-source');
  if (text === undefined) return undefined;
  const { bucket, key } = parseCopySource(text, gateway.settings.accessPoints);
  return [`${bucket}/${key}`, `/${bucket}/${key}`];
}

/** "s3:ObjectCreationOperation": whether the request makes an object, or only a part of one that is to be. */
function makesObject({ method, target: { query } }: RequestContext, action: string): Values {
  if (action !== 's3:PutObject') return undefined;
  const isPart = query.has('uploads') || (query.has('uploadId') && method === 'PUT');
  return [String(!isPart)];
}

/** `existingobjecttag/Project` → both; the tag's name keeps its case only as policies write it: see `tagNamed`. */
function split(name: string): readonly [string, string?] {
  const slash = name.indexOf('/');
  return slash < 0 ? [name] : [name.slice(0, slash), name.slice(slash + 1)];
}

/** Condition keys are compared without case, tag keys inside them too. */
function tagNamed(tags: Tags | undefined, wanted: string | undefined): string | undefined {
  if (tags === undefined || wanted === undefined) return undefined;
  return Object.entries(tags).find(([name]) => name.toLowerCase() === wanted)?.[1];
}

/** @throws S3Error of a header that cannot be read: what it asks for is then not done by anybody */
function requestedTags({ headers }: RequestContext, { requested }: Known): Tags | undefined {
  if (requested !== undefined) return requested;
  const text = headers.get('x-amz-tagging');
  if (text === undefined || text === '') return undefined;
  // A copy has the tags of its source unless it replaces them.
  const isIdle = headers.has('x-amz-copy-source') && headers.get('x-amz-tagging-directive') !== 'REPLACE';
  return isIdle ? undefined : parseTaggingHeader(text);
}
