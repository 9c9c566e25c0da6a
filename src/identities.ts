/** Who the configuration knows, as authentication and permission ask for it; it can be replaced while requests are under way. */
import { compileGrants } from './access/grants.ts';
import type { Credential, CredentialSource, Identity } from './auth/credentials.ts';
import { credentialSource, Secret } from './auth/credentials.ts';
import type { Config, Credential as KeyPair } from './config.ts';
import type { AccessSettings } from './s3/access/settings.ts';
import type { Owner } from './s3/operation.ts';

/** What of a configuration says who may do what. Plain data: it is sent to worker processes. */
export interface Admission extends Pick<Config, 'identities' | 'anonymous'> {
  /** Of the account itself. */
  readonly credentials: readonly KeyPair[];
}

export interface LiveIdentities extends CredentialSource, AccessSettings {
  /** Every request that begins after it is judged by the new ones. */
  replace(admission: Admission): void;
}

export function createIdentities(owner: Owner, accountId: string, first: Admission): LiveIdentities {
  let now = build(owner, first);
  return {
    accountId,
    find: (accessKeyId) => now.source.find(accessKeyId),
    anonymous: () => now.anonymous,
    hasUser: (name) => now.names.has(name),
    hasId: (canonicalId) => canonicalId === owner.id || now.users.has(canonicalId),
    displayNameOf: (canonicalId) => now.users.get(canonicalId),
    replace(admission) {
      now = build(owner, admission);
    },
  };
}

function build(owner: Owner, { anonymous, credentials, identities }: Admission) {
  const account = credentials.map(({ accessKeyId, secretAccessKey }): Credential => {
    return { accessKeyId, secretAccessKey: new Secret(secretAccessKey), identity: owner };
  });
  const users = identities.flatMap(({ administrator, canonicalId, displayName, grants, keys, name }) => {
    const identity: Identity = {
      id: canonicalId,
      displayName,
      user: { name, isAdministrator: administrator, grants: compileGrants(grants) },
    };
    return keys.map(({ accessKeyId, expiresAt, secretAccessKey, sessionToken }): Credential => {
      return {
        accessKeyId,
        secretAccessKey: new Secret(secretAccessKey),
        identity,
        ...(sessionToken !== undefined && { sessionToken: new Secret(sessionToken) }),
        ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt) }),
      };
    });
  });
  return {
    source: credentialSource([...account, ...users]),
    anonymous: compileGrants(anonymous),
    names: new Set(identities.map(({ name }) => name)),
    /** Canonical ID → display name. */
    users: new Map(identities.map(({ canonicalId, displayName }) => [canonicalId, displayName])),
  };
}
