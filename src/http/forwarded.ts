/**
 * What proxies in front say of the client: `X-Forwarded-For`, `-Host` and `-Proto`, or `Forwarded` (RFC 7239) where none of these is there.
 * Believed of configured proxies only, since anybody can send it; such a proxy must set or remove all four.
 */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Headers } from './headers.ts';

export type Trusts = (address: string | undefined) => boolean;

/** Whether the peer of a connection is one of ours. `networks`: addresses and CIDR ranges. */
export function proxyTrust(networks: readonly string[]): Trusts {
  const trusted = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(prefix), family);
  }
  return (address) => {
    if (address === undefined || networks.length === 0) return false;
    const plain = plainAddress(address);
    return trusted.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  };
}

/** A request as the client sent it. */
export interface Origin {
  /** Without a port; `undefined` when nobody can tell. */
  readonly address: string | undefined;
  /** With its port, as the client wrote it; absent when the proxies do not say. */
  readonly host?: string;
  readonly secure?: boolean;
}

/**
 * Where a request came from: the last address that is none of our proxies, since whatever stands before it was sent by the client and may be
 * invented. Host and protocol are those that the proxy named that met the client; of a list that is as long as no other, the first.
 * @param peer address of the connection
 */
export function originOf(peer: string | undefined, headers: Headers, trusts: Trusts): Origin {
  const address = peer && plainAddress(peer);
  if (!trusts(peer)) return { address };
  const told = listsOf(headers);
  if (told === undefined) return { address: undefined };
  const { addresses, hosts, protocols } = told;
  const client = walk(address, addresses, trusts);
  const named = (list: readonly string[]): string | undefined =>
    (list.length === addresses.length ? list[Math.min(client.at, list.length - 1)] : list[0]) || undefined;
  const host = named(hosts);
  const protocol = named(protocols)?.toLowerCase();
  return {
    address: client.address,
    ...(host !== undefined && { host }),
    ...(protocol !== undefined && { secure: protocol === 'https' }),
  };
}

/** From our side outwards. `at`: which of the addresses is the client's; their number when none can be. */
function walk(
  peer: string | undefined,
  addresses: readonly string[],
  trusts: Trusts,
): { readonly address: string | undefined; readonly at: number } {
  let address = peer;
  let at = addresses.length;
  while (at > 0 && trusts(address)) {
    const next = addressIn(addresses[at - 1] ?? '');
    if (next === undefined) break;
    address = next;
    at -= 1;
  }
  return { address, at };
}

/** What was said, outermost first. */
interface Told {
  readonly addresses: readonly string[];
  readonly hosts: readonly string[];
  readonly protocols: readonly string[];
}

/** `undefined`: it cannot be read. */
function listsOf(headers: Headers): Told | undefined {
  const list = (name: string): string[] =>
    headers
      .get(name)
      ?.split(',')
      .map((each) => each.trim()) ?? [];
  const told = {
    addresses: list('x-forwarded-for'),
    hosts: list('x-forwarded-host'),
    protocols: list('x-forwarded-proto'),
  };
  const standard = headers.get('forwarded');
  if (standard === undefined || Object.values(told).some(({ length }) => length > 0)) return told;
  const hops = readForwarded(standard);
  if (hops === undefined) return undefined;
  const each = (name: string): string[] => hops.map((hop) => hop.get(name) ?? '');
  return { addresses: each('for'), hosts: each('host'), protocols: each('proto') };
}

/** `name=token` or `name="quoted"`, and what follows it. */
const pair = /\s*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))\s*(;|,|$)/y;

/** RFC 7239, 4. Names are compared without case. */
function readForwarded(text: string): ReadonlyArray<ReadonlyMap<string, string>> | undefined {
  const hops: Array<Map<string, string>> = [];
  let hop = new Map<string, string>();
  pair.lastIndex = 0;
  for (;;) {
    const found = pair.exec(text);
    if (found === null) return undefined;
    const [, name = '', quoted, token = '', then] = found;
    hop.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token);
    if (then === ';') continue;
    hops.push(hop);
    hop = new Map();
    if (then !== ',') return hops;
  }
}

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`; `undefined` for `unknown` and other words. */
function addressIn(text: string): string | undefined {
  const bare = text.replace(/^"(.*)"$/, '$1');
  const [, v6, v4] = /^(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d*)?$/.exec(bare) ?? [];
  const address = v6 ?? v4 ?? bare;
  return isIP(address) === 0 ? undefined : plainAddress(address);
}

/** A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d. */
function plainAddress(address: string): string {
  const [, inner] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  return inner ?? address;
}
