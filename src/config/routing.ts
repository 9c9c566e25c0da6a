/** The structured parts of the file: `credentials:`, `backends:` and `buckets:`, and what they say together. */
import { checkGoogleKey } from './named-files.ts';
import { suggestion } from './problems.ts';
import { isMapping, type Reader, toMapping } from './reader.ts';
import { backendSettings, credentialSettings, environmentName, type Values } from './settings.ts';
import type { BackendConfig, BucketRouteConfig, Credential } from './types.ts';

type Kind = keyof typeof backendSettings;
type BackendValues = { readonly [K in Kind]: Values<(typeof backendSettings)[K]> };

/** The pair of the top level and those of the list. */
export function readCredentials(
  reader: Reader,
  top: Values<typeof credentialSettings>,
  list: unknown,
): readonly Credential[] {
  const credentials: Credential[] = [];
  const add = ({ accessKeyId, secretAccessKey }: Values<typeof credentialSettings>, place: string): void => {
    if (accessKeyId === undefined && secretAccessKey === undefined) return;
    if (accessKeyId === undefined || secretAccessKey === undefined) {
      const [missing, given] =
        accessKeyId === undefined ? ['accessKeyId', 'secretAccessKey'] : ['secretAccessKey', 'accessKeyId'];
      const where = place === '' ? `${missing} (${environmentName(missing)})` : `${place}.${missing}`;
      reader.report(where, `is missing beside ${given}`, 'give both, or neither');
    } else if (credentials.some((other) => other.accessKeyId === accessKeyId)) {
      reader.report(
        place === '' ? 'accessKeyId' : place,
        `has an access key ID that is given twice: ${accessKeyId}`,
        'keep one of them',
      );
    } else credentials.push({ accessKeyId, secretAccessKey });
  };
  if (!reader.isFaulty('accessKeyId', 'secretAccessKey')) add(top, '');
  if (list === undefined || list === null) return credentials;
  if (!Array.isArray(list)) {
    reader.report(
      reader.place(['credentials']),
      'is not a list',
      'write `- accessKeyId: …` and `secretAccessKey: …` below it',
    );
    return credentials;
  }
  for (const [index, entry] of list.entries()) {
    const path = ['credentials', String(index)];
    const place = `${reader.place(['credentials'])}[${index}]`;
    reader.refuseUnknown(toMapping(entry), path, credentialSettings);
    const values = reader.read(credentialSettings, toMapping(entry), path, { environment: false });
    if (reader.isFaulty(`${path.join('.')}.accessKeyId`, `${path.join('.')}.secretAccessKey`)) continue;
    if (values.accessKeyId === undefined && values.secretAccessKey === undefined)
      reader.report(place, 'holds no credential', 'give it accessKeyId and secretAccessKey');
    add(values, place);
  }
  return credentials;
}

interface Routed {
  readonly backends: readonly [BackendConfig, ...BackendConfig[]];
  readonly buckets: readonly BucketRouteConfig[];
}

/** `backends:` and `buckets:` beside the backends that the top level configures. */
export function readRouting(
  reader: Reader,
  top: { readonly backend: string; readonly values: BackendValues },
  file: { readonly backends?: unknown; readonly buckets?: unknown },
): Routed {
  const named = new Map<string, BackendConfig>();
  for (const kind of kinds) named.set(kind, toBackend(kind, kind, top.values, {}));
  const places = new Map<string, string>(kinds.map((kind) => [kind, kind]));
  for (const [name, entry] of Object.entries(section(reader, 'backends', file.backends))) {
    const backend = readBackend(reader, name, toMapping(entry));
    if (backend !== undefined) {
      named.set(name, backend);
      places.set(name, reader.place(['backends', name]));
    }
  }

  const { routes, bucketNames } = readBuckets(reader, file.buckets, [...named.keys()]);
  if (!named.has(top.backend))
    reader.report(
      `backend (${environmentName('backend')})`,
      `there is no backend '${top.backend}'`,
      suggestion(top.backend, [...named.keys()]),
    );

  const used = new Set([top.backend, ...routes.map((route) => route.backend)]);
  const backends = [...used].flatMap((name) => {
    const backend = named.get(name);
    if (backend === undefined) return [];
    checkBackend(reader, backend, places.get(name) ?? name);
    return [{ ...backend, bucketNames: bucketNames.get(name) ?? {} }];
  });
  const [first = toBackend('local', 'local', top.values, {}), ...others] = backends;
  return { backends: [first, ...others], buckets: routes };
}

const kinds = Object.keys(backendSettings) as Kind[];

function section(reader: Reader, name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (value !== undefined && value !== null && !isMapping(value))
    reader.report(reader.place([name]), 'is not a mapping', 'write `name: …` lines below it');
  return toMapping(value);
}

function readBackend(
  reader: Reader,
  name: string,
  entry: Readonly<Record<string, unknown>>,
): BackendConfig | undefined {
  const path = ['backends', name];
  const kind = kinds.find((each) => each === entry['kind']);
  if (kinds.some((each) => each === name)) {
    reader.report(
      reader.place(path),
      `'${name}' is the backend that the top level configures`,
      'choose another name',
    );
    return undefined;
  }
  if (kind === undefined) {
    const fix =
      typeof entry['kind'] === 'string'
        ? suggestion(entry['kind'], kinds)
        : `write kind: ${kinds.join(', or ')}`;
    reader.report(
      `${reader.place(path)}.kind`,
      entry['kind'] === undefined ? 'is missing' : 'is not a kind of backend',
      fix,
    );
    return undefined;
  }
  reader.refuseUnknown(entry, path, backendSettings[kind], ['kind']);
  const read = <K extends Kind>(table: K): BackendValues[K] =>
    reader.read(backendSettings[table], table === kind ? entry : {}, path, {
      environment: false,
    }) as BackendValues[K];
  return toBackend(kind, name, { local: read('local'), azure: read('azure'), gcs: read('gcs') }, {});
}

function toBackend(
  kind: Kind,
  name: string,
  values: BackendValues,
  bucketNames: Readonly<Record<string, string>>,
): BackendConfig {
  switch (kind) {
    case 'local':
      return { kind, name, bucketPrefix: '', bucketNames, root: values.local.root };
    case 'azure': {
      const { containerPrefix, ...rest } = values.azure;
      return { kind, name, bucketPrefix: containerPrefix, bucketNames, ...rest };
    }
    case 'gcs':
      return { kind, name, bucketNames, ...values.gcs };
  }
}

/** What its settings must say together; only for backends that are used. */
function checkBackend(reader: Reader, backend: BackendConfig, place: string): void {
  if (backend.kind === 'gcs' && backend.keyFile !== undefined)
    checkGoogleKey(reader, `${place}.keyFile`, backend.keyFile);
  if (backend.kind !== 'azure') return;
  const section = backend.name === backend.kind ? backend.kind : `backends.${backend.name}`;
  if (reader.isFaulty(...Object.keys(backendSettings.azure).map((key) => `${section}.${key}`))) return;
  const { connectionString, account, accountKey, sasToken, endpoint } = backend;
  const also = Object.entries({ account, accountKey, sasToken, endpoint }).find(
    ([, value]) => value !== undefined,
  )?.[0];
  if (connectionString !== undefined && also !== undefined)
    reader.report(
      `${place}.${also}`,
      'is given, and so is connectionString, which holds it',
      'keep one of them',
    );
  else if (connectionString === undefined && account === undefined && endpoint === undefined)
    reader.report(
      `${place}.account`,
      'is missing',
      `name the storage account, or give connectionString${place === 'azure' ? ` (${environmentName('azure.connectionString')})` : ''}`,
    );
  else if (accountKey !== undefined && account === undefined)
    reader.report(`${place}.account`, 'is missing beside accountKey', 'name the storage account');
  if (accountKey !== undefined && sasToken !== undefined)
    reader.report(`${place}.sasToken`, 'is given, and so is accountKey', 'keep one of them');
}

interface Buckets {
  readonly routes: readonly BucketRouteConfig[];
  /** Backend → bucket → name there. */
  readonly bucketNames: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

function readBuckets(reader: Reader, value: unknown, backends: readonly string[]): Buckets {
  const routes: BucketRouteConfig[] = [];
  const bucketNames = new Map<string, Record<string, string>>();
  /** Backend and name there → bucket. */
  const taken = new Map<string, string>();
  for (const [pattern, entry] of Object.entries(section(reader, 'buckets', value))) {
    const path = ['buckets', pattern];
    const { backend, name, ...unknown } = typeof entry === 'string' ? { backend: entry } : toMapping(entry);
    for (const key of Object.keys(unknown))
      reader.report(reader.place([...path, key]), 'is not a setting', suggestion(key, ['backend', 'name']));
    if (!/^[a-z0-9.*-]{1,63}$/.test(pattern)) {
      reader.report(
        reader.place(path),
        'is neither a bucket name nor a pattern',
        'use lower-case letters, digits, hyphens, dots, and * for anything',
      );
      continue;
    }
    if (typeof backend !== 'string' || !backends.includes(backend)) {
      const problem = typeof backend === 'string' ? `there is no backend '${backend}'` : 'names no backend';
      reader.report(
        reader.place(path),
        problem,
        suggestion(typeof backend === 'string' ? backend : '', backends),
      );
      continue;
    }
    routes.push({ pattern, backend });
    if (name !== undefined && (typeof name !== 'string' || name === '' || pattern.includes('*'))) {
      reader.report(
        reader.place([...path, 'name']),
        'cannot be used here',
        'give one bucket, not a pattern, its name in the backend',
      );
    } else if (!pattern.includes('*')) {
      const there = typeof name === 'string' ? name : pattern;
      const other = taken.get(`${backend}/${there}`);
      if (other !== undefined)
        reader.report(
          reader.place(path),
          `is '${there}' in ${backend}, and so is ${other}`,
          'give each bucket a name of its own',
        );
      taken.set(`${backend}/${there}`, pattern);
      if (typeof name === 'string')
        bucketNames.set(backend, { ...bucketNames.get(backend), [pattern]: name });
    }
  }
  const isPattern = ({ pattern }: BucketRouteConfig): number => (pattern.includes('*') ? 1 : 0);
  return { routes: routes.sort((a, b) => isPattern(a) - isPattern(b)), bucketNames };
}
