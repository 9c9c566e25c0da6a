import { expect, it } from 'vitest';
import { clientAddress, proxyTrust } from '../../src/http/forwarded.ts';

const trusts = proxyTrust(['10.0.0.0/8', 'fd00::/8']);

it.each([
  ['nothing told', '192.0.2.1', undefined, '192.0.2.1'],
  ['a stranger tells', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
  ['our proxy tells', '10.0.0.1', '198.51.100.7', '198.51.100.7'],
  ['our proxy, on a dual-stack socket', '::ffff:10.0.0.1', '198.51.100.7', '198.51.100.7'],
  ['our proxies in a row', '10.0.0.1', '198.51.100.7, 10.0.0.2', '198.51.100.7'],
  ['the client invents one more', '10.0.0.1', '203.0.113.9, 198.51.100.7', '198.51.100.7'],
  ['only our proxies', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['no address at all', '10.0.0.1', 'unknown', '10.0.0.1'],
  ['IPv6', 'fd00::1', '2001:db8::7', '2001:db8::7'],
  ['no peer any more', undefined, '198.51.100.7', undefined],
  ['IPv4 in IPv6', '::ffff:192.0.2.1', undefined, '192.0.2.1'],
])('%s', (_, peer, told, expected) => {
  const headers = new Map(told === undefined ? [] : [['x-forwarded-for', told]]);
  expect(clientAddress(peer, headers, trusts)).toBe(expected);
});
