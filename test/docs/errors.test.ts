import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { AdapterError, adapterErrorKinds } from '../../adapters/errors.ts';
import { fromAdapterError } from '../../src/s3/adapter-errors.ts';
import { s3Errors } from '../../src/s3/errors.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
/** Cells of the one table, without its head. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2)
  .map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll('\\|', '|')),
  );

it('docs/errors.md lists every error with its status and message, and no other', () => {
  const listed = Object.fromEntries(
    rows.map(([code, status, message]) => [code, { status: Number(status), message }]),
  );
  expect(listed).toEqual(s3Errors);
  expect(rows).toHaveLength(Object.keys(s3Errors).length);
});

it('is in alphabetical order and says of each when it comes', () => {
  const codes = rows.map(([code]) => code);
  expect(codes).toEqual(codes.toSorted());
  expect(rows.filter(([, , , when]) => when === undefined || when === '')).toEqual([]);
});

it.each(adapterErrorKinds)('the storage failure %s ends in an error of the page', (kind) => {
  const { code } = fromAdapterError(new AdapterError(kind, 'x'), {});
  expect(rows.map(([listed]) => listed)).toContain(code);
});
