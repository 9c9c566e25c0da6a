import { describe, expect, it } from 'vitest';
import { originOf, proxyTrust } from '../../src/http/forwarded.ts';

const trusts = proxyTrust(['10.0.0.0/8', 'fd00::/8']);
const addressOf = (peer: string | undefined, name: string, told: string | undefined): string | undefined =>
  originOf(peer, new Map(told === undefined ? [] : [[name, told]]), trusts).address;

it.each([
  ['nothing told', '192.0.2.1', undefined, '192.0.2.1'],
  ['a stranger tells', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
  ['our proxy tells', '10.0.0.1', '198.51.100.7', '198.51.100.7'],
  ['our proxy, on a dual-stack socket', '::ffff:10.0.0.1', '198.51.100.7', '198.51.100.7'],
  ['our proxies in a row', '10.0.0.1', '198.51.100.7, 10.0.0.2', '198.51.100.7'],
  ['our proxies in a row, with ports', '10.0.0.1', '198.51.100.7:4711,10.0.0.2:80', '198.51.100.7'],
  ['our proxies in a row, of both families', '10.0.0.1', '2001:db8::7, [fd00::2]:80', '2001:db8::7'],
  ['the client invents one more', '10.0.0.1', '203.0.113.9, 198.51.100.7', '198.51.100.7'],
  ['the client invents one of ours', '10.0.0.1', '10.0.0.9, 198.51.100.7:1', '198.51.100.7'],
  ['the client breaks off a quote', '10.0.0.1', '"203.0.113.9, 198.51.100.7', '198.51.100.7'],
  ['only our proxies', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['no address at all', '10.0.0.1', 'unknown', '10.0.0.1'],
  ['a name', '10.0.0.1', 'client.example:80', '10.0.0.1'],
  ['brackets around nothing', '10.0.0.1', '[]:80', '10.0.0.1'],
  ['IPv6', 'fd00::1', '2001:db8::7', '2001:db8::7'],
  ['IPv6 in brackets', 'fd00::1', '[2001:db8::7]', '2001:db8::7'],
  ['IPv6 with its port', 'fd00::1', '[2001:db8::7]:4711', '2001:db8::7'],
  ['IPv4 in IPv6, told', '10.0.0.1', '[::FFFF:198.51.100.7]:80', '198.51.100.7'],
  ['IPv4 in IPv6, one of ours', '10.0.0.1', '198.51.100.7, ::ffff:10.0.0.2', '198.51.100.7'],
  ['no peer any more', undefined, '198.51.100.7', undefined],
  ['IPv4 in IPv6', '::ffff:192.0.2.1', undefined, '192.0.2.1'],
])('%s', (_, peer, told, expected) => {
  expect(addressOf(peer, 'x-forwarded-for', told)).toBe(expected);
});

describe('by RFC 7239', () => {
  it.each([
    ['a stranger tells', '192.0.2.1', 'for=198.51.100.7', '192.0.2.1'],
    ['our proxy tells', '10.0.0.1', 'for=198.51.100.7;by=10.0.0.1;proto=https', '198.51.100.7'],
    ['with a port', '10.0.0.1', 'For="198.51.100.7:4711"', '198.51.100.7'],
    ['IPv6', '10.0.0.1', 'proto=http;for="[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17'],
    ['proxies in a row', '10.0.0.1', 'for=198.51.100.7, for="[fd00::2]"', '198.51.100.7'],
    [
      'the client invents one more',
      '10.0.0.1',
      'for=203.0.113.9;a="b, c" , for=198.51.100.7',
      '198.51.100.7',
    ],
    ['hidden', '10.0.0.1', 'for=_hidden', '10.0.0.1'],
    ['unknown', '10.0.0.1', 'for=198.51.100.7, for=unknown', '10.0.0.1'],
    // Whose words these are cannot be told any more.
    ['what cannot be read', '10.0.0.1', 'for="203.0.113.9, for=198.51.100.7', undefined],
    ['nothing', '10.0.0.1', '', undefined],
  ])('%s', (_, peer, told, expected) => {
    expect(addressOf(peer, 'forwarded', told)).toBe(expected);
  });

  it('counts only where the older headers are missing, since a proxy that sends those hands it through', () => {
    const invented = 'for=203.0.113.9;host=invented;proto=https';
    for (const older of [
      ['x-forwarded-for', '198.51.100.7'],
      ['x-forwarded-host', 's3.example.com'],
      ['x-forwarded-proto', 'http'],
    ] as const) {
      const origin = originOf('10.0.0.1', new Map([['forwarded', invented], older]), trusts);
      expect(origin.address).not.toBe('203.0.113.9');
      expect(origin.host).not.toBe('invented');
      expect(origin.secure).not.toBe(true);
    }
  });
});
