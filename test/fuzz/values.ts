/** Values that parsers stumble over. */
import type { Dice } from './dice.ts';

const text = [
  '',
  ' ',
  '0',
  '-1',
  '1',
  '01',
  '1e3',
  '2147483648',
  '9007199254740993',
  '18446744073709551616',
  'NaN',
  'null',
  'undefined',
  'true',
  '__proto__',
  'constructor',
  'toString',
  '../..',
  '..',
  '.',
  '/',
  '//',
  '%',
  '%00',
  '%2e%2e%2f',
  '*',
  '"',
  "'",
  '<a>',
  '&amp;',
  '&#0;',
  ']]>',
  '\u0000',
  '\u0001',
  '\u007f',
  '\r\n',
  '\u00e9',
  '\u20ac',
  '\u{1f600}',
  '\ud800',
  '\ufeff',
  '\uffff',
  'e\u0301',
  'A'.repeat(255),
  'A'.repeat(1025),
  '\u00e9'.repeat(600),
  '$(id)',
  '`id`',
  '2026-01-01T00:00:00Z',
  'Thu, 01 Jan 1970 00:00:00 GMT',
  'Thu, 32 Foo 9999 99:99:99 GMT',
] as const;

export function nastyText(dice: Dice): string {
  return dice.chance(0.15) ? dice.bytes(dice.int(1, 40)).toString('latin1') : dice.pick(text);
}

const sizes = [0, 1, 2, 5, 63, 64, 65, 1023, 4096, 65_535, 65_536, 5_242_880, 2 ** 31, 2 ** 53, 2 ** 63];
export function nastyNumber(dice: Dice): string {
  const number = dice.chance(0.5) ? dice.pick(sizes) : dice.int(-5, 20_000);
  return dice.chance(0.1) ? `${number}.5` : String(number);
}

export function range(dice: Dice): string {
  const n = (): string => (dice.chance(0.15) ? nastyNumber(dice) : String(dice.int(0, 5000)));
  return dice.pick([
    () => `bytes=${n()}-${n()}`,
    () => `bytes=${n()}-`,
    () => `bytes=-${n()}`,
    () => `bytes=${n()}-${n()},${n()}-${n()}`,
    () => `bytes=${nastyText(dice)}`,
    () => `items=${n()}-${n()}`,
    () => nastyText(dice),
  ])();
}

export function etag(dice: Dice, known: readonly string[]): string {
  return dice.pick([
    () => (known.length > 0 ? dice.pick(known) : '"x"'),
    () => '*',
    () => `W/${dice.pick(['""', '"abc"'])}`,
    () => `"${dice.word(32)}"`,
    () => `"a", ${known.length > 0 ? dice.pick(known) : '"b"'}, *`,
    () => nastyText(dice),
  ])();
}

export function date(dice: Dice): string {
  return dice.pick([
    () => new Date(dice.int(0, 2_000_000_000) * 1000).toUTCString(),
    () => 'Sunday, 06-Nov-94 08:49:37 GMT',
    () => 'Sun Nov  6 08:49:37 1994',
    () => nastyText(dice),
  ])();
}
