import { describe, expect, it } from 'vitest';
import { originOf, proxyTrust } from '../../src/http/forwarded.ts';

describe('proxies', () => {
  it('are trusted by address and by range, in both families', () => {
    const trusts = proxyTrust(['10.0.0.0/8', '192.0.2.7', 'fd00::/8']);
    for (const address of ['10.9.8.7', '192.0.2.7', '::ffff:10.1.1.1', 'fd12::1']) {
      expect([address, trusts(address)]).toEqual([address, true]);
    }
    for (const address of ['11.0.0.1', '192.0.2.8', '::ffff:192.0.2.8', 'fe80::1', undefined]) {
      expect([address, trusts(address)]).toEqual([address, false]);
    }
    expect(proxyTrust([])('127.0.0.1')).toBe(false);
  });

  const trusts = proxyTrust(['10.0.0.0/8']);
  const seenBy = (peer: string, headers: Readonly<Record<string, string>>) => {
    const { host, secure } = originOf(peer, new Map(Object.entries(headers)), trusts);
    return { host, secure };
  };

  it('tell host and protocol; the first of a list is the client’s', () => {
    const headers = { 'x-forwarded-host': 's3.example.com:8443, inner', 'x-forwarded-proto': 'HTTPS,http' };
    expect(seenBy('10.0.0.1', headers)).toEqual({ host: 's3.example.com:8443', secure: true });
    expect(seenBy('10.0.0.1', {})).toEqual({});
    expect(seenBy('192.0.2.1', headers)).toEqual({});
  });

  it('tell them for each address, where there are as many: the client may have invented the first', () => {
    const told = (addresses: string) =>
      seenBy('10.0.0.1', {
        'x-forwarded-for': addresses,
        'x-forwarded-host': '[2001:db8::1]:9000, inner',
        'x-forwarded-proto': 'https, http',
      });
    expect(told('198.51.100.7, 10.0.0.2')).toEqual({ host: '[2001:db8::1]:9000', secure: true });
    expect(told('203.0.113.9, 198.51.100.7')).toEqual({ host: 'inner', secure: false });
    expect(told('unknown, unknown')).toEqual({ host: 'inner', secure: false });
  });

  it('may tell them as RFC 7239 has it', () => {
    const told = (forwarded: string) => seenBy('10.0.0.1', { forwarded });
    expect(told('for=198.51.100.7;host="s3.example.com:8443";proto=HTTPS')).toEqual({
      host: 's3.example.com:8443',
      secure: true,
    });
    expect(told('for=203.0.113.9;host=a;proto=https, for=198.51.100.7;host=b;proto=http')).toEqual({
      host: 'b',
      secure: false,
    });
    expect(told('for=198.51.100.7;host=a;proto=https, for=10.0.0.2;host=b;proto=http')).toEqual({
      host: 'a',
      secure: true,
    });
    expect(told('for=198.51.100.7')).toEqual({});
    expect(told('host="a')).toEqual({});
  });
});
