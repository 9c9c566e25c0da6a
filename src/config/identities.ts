/** Who may do what: `identities:` and `anonymous:`, in the configuration file or in one of their own. */
import { createHash } from 'node:crypto';
import { type ActionGroup, actionGroups } from '../access/actions.ts';
import type { Grant } from '../access/grants.ts';
import { readNamed } from './named-files.ts';
import { suggestion } from './problems.ts';
import { type Environment, isMapping, Reader, toMapping } from './reader.ts';
import {
  credentialSettings,
  environmentName,
  grantSettings,
  identitySettings,
  keySettings,
  type Values,
} from './settings.ts';
import type { Credential, IdentityConfig, KeyConfig } from './types.ts';

export interface IdentitiesConfig {
  readonly identities: readonly IdentityConfig[];
  /** What is allowed to requests that nobody signed. */
  readonly anonymous: readonly Grant[];
}

export interface IdentitySources {
  readonly accountId: string;
  /** Of the account itself; no identity may have the same key. */
  readonly credentials: readonly Credential[];
  /** A file of their own, if there is one. */
  readonly file: string | undefined;
  readonly env: Environment;
  readonly cwd: string;
}

const sections = ['identities', 'anonymous'] as const;
type Sections = Readonly<Partial<Record<(typeof sections)[number], unknown>>>;

/** Rotation takes two: the old one works until the new one is everywhere ("Update access keys"). */
const maxKeys = 2;

export function readIdentities(
  reader: Reader,
  mapping: Sections,
  sources: IdentitySources,
): IdentitiesConfig {
  if (sources.file === undefined) return readSections(reader, mapping, sources);
  const given = sections.find((name) => mapping[name] !== undefined);
  if (given !== undefined) {
    reader.report(reader.place([given]), 'is given, and so is identitiesFile', 'keep them in one place');
  }
  const own = new Reader(sources.env, sources.cwd);
  const key = `identitiesFile (${environmentName('identitiesFile')})`;
  if (readNamed(reader, key, sources.file) === undefined) return { identities: [], anonymous: [] };
  const found = own.open(sources.file);
  own.refuseUnknown(found, [], {}, sections);
  const read = readSections(own, found, sources);
  reader.problems.push(...own.problems);
  return read;
}

function readSections(reader: Reader, mapping: Sections, sources: IdentitySources): IdentitiesConfig {
  const taken: Taken = {
    names: new Set(['root']),
    ids: new Set(),
    keys: new Set(sources.credentials.map(({ accessKeyId }) => accessKeyId)),
  };
  const identities = entriesOf(reader, mapping.identities, ['identities']).flatMap((entry) => {
    const identity = readIdentity(reader, entry, sources.accountId, taken);
    return identity === undefined ? [] : [identity];
  });
  return { identities, anonymous: readAnonymous(reader, mapping.anonymous) };
}

/** What only one can have. */
interface Taken {
  readonly names: Set<string>;
  readonly ids: Set<string>;
  readonly keys: Set<string>;
}

interface Entry {
  readonly path: readonly string[];
  /** For messages. */
  readonly place: string;
  readonly mapping: Readonly<Record<string, unknown>>;
}

function entriesOf(reader: Reader, value: unknown, path: readonly string[]): readonly Entry[] {
  if (value === undefined || value === null) return [];
  const place = reader.place(path);
  if (!Array.isArray(value)) {
    reader.report(place, 'is not a list', 'write its entries below it, each with a `- ` in front');
    return [];
  }
  return value.flatMap((item: unknown, index) => {
    const entry = { path: [...path, String(index)], place: `${place}[${index}]`, mapping: toMapping(item) };
    if (isMapping(item)) return [entry];
    reader.report(entry.place, 'is not a mapping', 'write it as `key: value` lines');
    return [];
  });
}

function readIdentity(
  reader: Reader,
  { mapping, path, place }: Entry,
  accountId: string,
  taken: Taken,
): IdentityConfig | undefined {
  reader.refuseUnknown(mapping, path, identitySettings, ['keys', 'grants']);
  const values = reader.read(identitySettings, mapping, path, { environment: false });
  const { name } = values;
  const keys = readKeys(reader, { mapping, path, place }, taken);
  const grants = entriesOf(reader, mapping['grants'], [...path, 'grants']).flatMap((entry) =>
    readGrant(reader, entry, actionGroups),
  );
  if (name === undefined) {
    if (!reader.isFaulty(`${path.join('.')}.name`))
      reader.report(place, 'has no name', 'give it one, like `name: alice`');
    return undefined;
  }
  if (taken.names.has(name)) {
    reader.report(place, `is called ${name}, and so is another`, 'give each identity a name of its own');
  }
  taken.names.add(name);
  const canonicalId = values.canonicalId ?? canonicalIdOf(accountId, name);
  if (values.canonicalId !== undefined && taken.ids.has(canonicalId)) {
    reader.report(place, 'has the canonical ID of another', 'leave it out, and one is made of the name');
  }
  taken.ids.add(canonicalId);
  return {
    name,
    displayName: values.displayName ?? name,
    canonicalId,
    administrator: values.administrator,
    keys,
    grants,
  };
}

/** The same wherever the same configuration is read. */
function canonicalIdOf(accountId: string, name: string): string {
  return createHash('sha256').update(`${accountId}/${name}`).digest('hex');
}

function readKeys(reader: Reader, { mapping, path, place }: Entry, taken: Taken): readonly KeyConfig[] {
  const keys = entriesOf(reader, mapping['keys'], [...path, 'keys']).flatMap((entry) => {
    const key = readKey(reader, entry, taken);
    return key === undefined ? [] : [key];
  });
  const lasting = keys.filter(({ sessionToken }) => sessionToken === undefined).length;
  if (lasting > maxKeys) {
    reader.report(
      `${place}.keys`,
      `holds ${lasting} lasting keys`,
      'keep two: the old one and the one that takes its place',
    );
  }
  return keys;
}

function readKey(reader: Reader, { mapping, path, place }: Entry, taken: Taken): KeyConfig | undefined {
  reader.refuseUnknown(mapping, path, keySettings);
  const values: Values<typeof keySettings> = reader.read(keySettings, mapping, path, { environment: false });
  const { accessKeyId, expiresAt, secretAccessKey, sessionToken } = values;
  const faulty = (name: string): boolean => reader.isFaulty([...path, name].join('.'));
  for (const name of Object.keys(credentialSettings) as (keyof typeof credentialSettings)[]) {
    if (values[name] === undefined && !faulty(name)) {
      reader.report(`${place}.${name}`, 'is missing', 'a key has an accessKeyId and a secretAccessKey');
    }
  }
  if (expiresAt !== undefined && sessionToken === undefined && !faulty('sessionToken')) {
    reader.report(
      `${place}.expiresAt`,
      'is given without a sessionToken',
      'lasting keys end by being taken out',
    );
  }
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  if (taken.keys.has(accessKeyId)) {
    reader.report(place, `has an access key ID that is given twice: ${accessKeyId}`, 'keep one of them');
  }
  taken.keys.add(accessKeyId);
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

/** Whoever is not known may be shown something, never change it. */
const anonymousGroups: readonly ActionGroup[] = ['list', 'read'];

function readAnonymous(reader: Reader, value: unknown): readonly Grant[] {
  return entriesOf(reader, value, ['anonymous']).flatMap((entry) =>
    readGrant(reader, entry, anonymousGroups),
  );
}

function readGrant(
  reader: Reader,
  { mapping, path, place }: Entry,
  allowed: readonly ActionGroup[],
): readonly Grant[] {
  reader.refuseUnknown(mapping, path, grantSettings);
  const {
    actions = [],
    buckets = [],
    prefix,
  } = reader.read(grantSettings, mapping, path, { environment: false });
  const missing = (['buckets', 'actions'] as const).filter((name) => {
    const list = name === 'buckets' ? buckets : actions;
    return list.length === 0 && !reader.isFaulty([...path, name].join('.'));
  });
  for (const name of missing)
    reader.report(`${place}.${name}`, 'is missing', `name the ${name} that are allowed`);
  const groups = actions.flatMap((action) => {
    const group = allowed.find((each) => each === action);
    if (group === undefined) {
      reader.report(`${place}.actions`, `'${action}' cannot be allowed here`, suggestion(action, allowed));
    }
    return group === undefined ? [] : [group];
  });
  return [{ buckets, prefix, actions: groups }];
}
