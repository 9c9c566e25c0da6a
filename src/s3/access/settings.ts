import { type Grants, noGrants } from '../../access/grants.ts';

/** What the gateway knows of its account. The functions tell of this moment: identities change while it serves. */
export interface AccessSettings {
  /** Twelve digits: the one account that owns every bucket and every identity. */
  readonly accountId: string;
  /** What is allowed to requests that nobody signed. */
  readonly anonymous: () => Grants;
  /** Whether a policy may name this user of the account. */
  readonly hasUser: (name: string) => boolean;
  /** Whether this is the canonical ID of the account or of a user. */
  readonly hasId: (canonicalId: string) => boolean;
  /** How listings call a user; `undefined` for the account, and for who is gone. */
  readonly displayNameOf: (canonicalId: string) => string | undefined;
}

const defaultAccountId = '000000000000';

/** An account without users, to which nobody comes unsigned. */
export const plainAccess: AccessSettings = {
  accountId: defaultAccountId,
  anonymous: () => noGrants,
  hasUser: () => false,
  hasId: () => false,
  displayNameOf: () => undefined,
};
