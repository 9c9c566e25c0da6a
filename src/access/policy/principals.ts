/** Whom a statement is for ("AWS JSON policy elements: Principal"). */
import type { Caller } from '../caller.ts';
import type { StatementDocument } from './document.ts';

/** What a name in `Principal: { AWS: … }` or `{ CanonicalUser: … }` means; `undefined` for what nobody here can be. */
export type PrincipalName =
  | { readonly kind: 'account'; readonly account: string }
  | { readonly kind: 'user'; readonly arn: string; readonly account: string; readonly name: string }
  | { readonly kind: 'canonical'; readonly id: string };

export function readPrincipal(kind: string, text: string): PrincipalName | undefined {
  if (kind === 'CanonicalUser') return { kind: 'canonical', id: text };
  if (kind !== 'AWS') return undefined;
  if (/^\d{12}$/.test(text)) return { kind: 'account', account: text };
  const [, account, rest = ''] = /^arn:aws:iam::(\d{12}):(.+)$/.exec(text) ?? [];
  if (account === undefined) return undefined;
  if (rest === 'root') return { kind: 'account', account };
  const name = /^user\/(?:.+\/)?([^/*?]+)$/.exec(rest)?.[1];
  return name === undefined ? undefined : { kind: 'user', arn: text, account, name };
}

/**
 * To name the account in an Allow is to leave it to the account, whose users then still need a grant; in a Deny it means all of them.
 * Excepted from a Deny it is the account alone: "you must also specify the account ARN of the not-denied principal", and all others of
 * its users are denied ("AWS JSON policy elements: NotPrincipal").
 */
export function compilePrincipal({
  effect,
  principal: { names, not },
}: Pick<StatementDocument, 'effect' | 'principal'>): (caller: Caller) => boolean {
  if (names === '*') return () => !not;
  const read = names.map(({ kind, name }) => readPrincipal(kind, name));
  const wholeAccount = (effect === 'Deny') !== not;
  const isNamed = (caller: Caller): boolean =>
    read.some((name) => name !== undefined && is(caller, name, wholeAccount));
  return not ? (caller) => !isNamed(caller) : isNamed;
}

function is(caller: Caller, name: PrincipalName, wholeAccount: boolean): boolean {
  if (caller.kind === 'anonymous') return false;
  switch (name.kind) {
    case 'account':
      return caller.account === name.account && (wholeAccount || caller.kind === 'account');
    case 'user':
      return caller.kind === 'user' && caller.account === name.account && caller.name === name.name;
    case 'canonical':
      return caller.id === name.id;
  }
}
