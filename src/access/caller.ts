/** Who asks, as policies name them. */
export interface Caller {
  readonly kind: 'anonymous' | 'account' | 'user';
  /** Twelve digits; of this gateway's one account. */
  readonly account: string;
  /** `arn:aws:iam::<account>:user/<name>`, or `…:root`; empty when anonymous. */
  readonly arn: string;
  /** Of a user. */
  readonly name: string | undefined;
  /** Canonical user ID; `anonymous` when nobody signed. */
  readonly id: string;
  /** Owns every bucket: an administrator. */
  readonly isOwner: boolean;
}

export function anonymousCaller(account: string): Caller {
  return { kind: 'anonymous', account, arn: '', name: undefined, id: 'anonymous', isOwner: false };
}

/** The account itself: who holds its keys is nobody in particular. */
export function accountCaller(account: string, id: string): Caller {
  return { kind: 'account', account, arn: accountArn(account), name: undefined, id, isOwner: true };
}

export function userCaller(account: string, user: Pick<Caller, 'id' | 'isOwner'> & { name: string }): Caller {
  return { kind: 'user', account, arn: userArn(account, user.name), ...user };
}

function accountArn(account: string): string {
  return `arn:aws:iam::${account}:root`;
}

function userArn(account: string, name: string): string {
  return `arn:aws:iam::${account}:user/${name}`;
}
