import { describe, expect, it } from 'vitest';
import { forwarded, proxyTrust } from '../../src/http/forwarded.ts';

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

  it('tell host and protocol; the first of a list is the client’s', () => {
    const headers = new Map([
      ['x-forwarded-host', 's3.example.com, inner'],
      ['x-forwarded-proto', 'HTTPS,http'],
    ]);
    expect(forwarded(headers)).toEqual({ host: 's3.example.com', secure: true });
    expect(forwarded(new Map())).toEqual({});
  });
});
