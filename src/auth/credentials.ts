/** Who may sign requests, and with what. Secrets are wrapped so that no log, error or JSON can show them. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import type { Grants } from '../access/grants.ts';

const shown = '[secret]';

/** A string that shows itself only to who calls {@link reveal}. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  /** Compares without telling by its duration where, or whether only in length, the values differ. */
  equals(other: string): boolean {
    const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
    return timingSafeEqual(digest(this.#value), digest(other));
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}

/** Who a credential speaks for, as `Owner` and `Initiator` show it. */
export interface Identity {
  /** Canonical user ID. */
  readonly id: string;
  readonly displayName: string;
  /** Absent for the account itself, which may do everything. */
  readonly user?: User;
}

/** One of several who share the account. */
export interface User {
  readonly name: string;
  /** May do everything, as the account itself. */
  readonly isAdministrator: boolean;
  readonly grants: Grants;
}

export interface Credential {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly identity: Identity;
  /** Set for temporary credentials: requests must carry exactly this token. */
  readonly sessionToken?: Secret;
  /** When the session token ends. */
  readonly expiresAt?: Date;
}

export interface CredentialSource {
  find(accessKeyId: string): Credential | undefined;
}

/** A fixed set of credentials. Throws when two share an access key ID. */
export function credentialSource(credentials: readonly Credential[]): CredentialSource {
  const byId = new Map(credentials.map((credential) => [credential.accessKeyId, credential]));
  if (byId.size < credentials.length) throw new Error('two credentials have the same access key ID');
  return { find: (accessKeyId) => byId.get(accessKeyId) };
}
