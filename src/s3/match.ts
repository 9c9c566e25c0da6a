/**
 * Which action a request is. One table decides; a sub-resource that is not in it answers 501 and never falls
 * through to another action (`DELETE /bucket?policy` must not delete the bucket).
 */
import { S3Error } from './errors.ts';

export type Resource = 'service' | 'bucket' | 'object';

/** Where an action lives: verb, resource, sub-resource, and what else sets it apart. */
export interface Route {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'OPTIONS';
  readonly on: Resource;
  /** The query parameter that names the action: `uploads`, `acl`, `uploadId` … */
  readonly sub?: string;
  /** Tells a copy from an upload. */
  readonly copy?: boolean;
  /** A parameter that tells one configuration of several from their list. */
  readonly needs?: 'id' | 'annotationName';
}

/** The one action of Object Lambda; no bucket can have the name. */
const objectLambda = 'WriteGetObjectResponse';

/**
 * Every sub-resource of the API model. Its presence selects the action, supported or not.
 * `partNumber` and `versionId` modify an action, they do not select one.
 */
const subResources: ReadonlySet<string> = new Set([
  'abac',
  'accelerate',
  'acl',
  'analytics',
  'annotation',
  'annotations',
  'attributes',
  'cors',
  'delete',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'list-type',
  'location',
  'logging',
  'metadataConfiguration',
  'metadataInventoryTable',
  'metadataJournalTable',
  'metadataAnnotationTable',
  'metadataTable',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'renameObject',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'session',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versioning',
  'versions',
  'website',
]);

export interface Matchable {
  readonly method: string;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  /** Names of the query's parameters. */
  readonly parameters: Iterable<string>;
  readonly isCopy: boolean;
}

const methods = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS'] as const;
const verbs: ReadonlySet<string> = new Set(methods);

export function createMatcher<R extends { readonly route: Route }>(
  rows: readonly R[],
): (request: Matchable) => R {
  const byRoute = new Map<string, R>();
  for (const row of rows) {
    const name = routeName(row.route);
    if (byRoute.has(name)) throw new Error(`two operations for ${name}`);
    byRoute.set(name, row);
  }

  return (request) => {
    const on: Resource =
      request.bucket === undefined ? 'service' : request.key === undefined ? 'bucket' : 'object';
    const present = new Set(request.parameters);
    const subs = [...present].filter((name) => subResources.has(name));
    const find = (more: Pick<Route, 'copy' | 'needs' | 'sub'>): R | undefined =>
      byRoute.get(routeName({ method: request.method as Route['method'], on, ...more }));

    if (!verbs.has(request.method)) throw methodNotAllowed(request.method, on, byRoute);
    if (request.bucket === objectLambda) throw notImplemented(objectLambda);
    if (subs.length > 1) {
      throw new S3Error('InvalidArgument', {
        message: `Conflicting query string parameters: ${subs.sort().join(', ')}`,
        extra: { ArgumentName: 'ResourceType', ArgumentValue: subs[0] ?? '' },
      });
    }
    const [sub] = subs;
    const named = sub === undefined ? {} : { sub };
    const row =
      (request.isCopy ? find({ ...named, copy: true }) : undefined) ??
      (present.has('id') ? find({ ...named, needs: 'id' }) : undefined) ??
      (present.has('annotationName') ? find({ ...named, needs: 'annotationName' }) : undefined) ??
      find(named);
    if (row !== undefined) return row;
    if (sub === 'uploads' && on === 'object' && request.method === 'GET') {
      throw new S3Error('InvalidRequest', {
        message: 'Key is not expected for the GET method ?uploads subresource',
      });
    }
    if (sub === 'versions' && on === 'object' && request.method === 'GET') {
      throw new S3Error('InvalidRequest', {
        message: 'There is no such thing as the ?versions sub-resource for a key',
      });
    }
    if (sub !== undefined) throw notImplemented(sub);
    throw methodNotAllowed(request.method, on, byRoute);
  };
}

function routeName({ method, on, sub, copy, needs }: Route): string {
  return `${method} ${on}${sub === undefined ? '' : `?${sub}`}${copy ? ' copy' : ''}${needs === undefined ? '' : ` ${needs}`}`;
}

function notImplemented(sub: string): S3Error {
  return new S3Error('NotImplemented', {
    extra: { Header: sub },
  });
}

function methodNotAllowed(method: string, on: Resource, rows: ReadonlyMap<string, unknown>): S3Error {
  const allowed = methods.filter((method) => rows.has(routeName({ method, on })));
  return new S3Error('MethodNotAllowed', {
    extra: { Method: method, ResourceType: on.toUpperCase() },
    headers: { allow: allowed.join(', ') },
  });
}
