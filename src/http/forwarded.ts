/** What a proxy in front says of the client (`X-Forwarded-*`); believed of configured proxies only, since anybody can send it. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Headers } from './headers.ts';

/** Whether the peer of a connection is one of ours. `networks`: addresses and CIDR ranges. */
export function proxyTrust(networks: readonly string[]): (address: string | undefined) => boolean {
  const trusted = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(prefix), family);
  }
  return (address) => {
    if (address === undefined || networks.length === 0) return false;
    // A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d.
    const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
    return trusted.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  };
}

/** Host and protocol as the client used them. Of a list, the first is the client's. */
export function forwarded(headers: Headers): { readonly host?: string; readonly secure?: boolean } {
  const first = (name: string): string | undefined => headers.get(name)?.split(',')[0]?.trim() || undefined;
  const host = first('x-forwarded-host');
  const proto = first('x-forwarded-proto')?.toLowerCase();
  return {
    ...(host !== undefined && { host }),
    ...(proto !== undefined && { secure: proto === 'https' }),
  };
}

/**
 * Where a request came from: the last address of `X-Forwarded-For` that is none of our proxies, since whatever stands before it was
 * sent by the client and may be invented.
 */
export function clientAddress(
  peer: string | undefined,
  headers: Headers,
  trusts: (address: string | undefined) => boolean,
): string | undefined {
  let address = peer;
  const told = headers.get('x-forwarded-for')?.split(',') ?? [];
  while (trusts(address) && told.length > 0) {
    const next = told.pop()?.trim() ?? '';
    if (isIP(next) === 0) break;
    address = next;
  }
  return address?.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
