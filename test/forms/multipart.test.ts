import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { S3Error } from '../../src/s3/errors.ts';
import { fieldsOf } from '../../src/s3/forms/fields.ts';
import { readForm } from '../../src/s3/forms/multipart.ts';
import { boundaryOf, partHead } from '../../src/s3/forms/part-head.ts';
import { defaultBoundary, type FormOptions, formBody } from './kit.ts';

async function* inPieces(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function read(body: Buffer | string, boundary = defaultBoundary, pieceSize = 65_536) {
  const form = await readForm(inPieces(Buffer.from(body), pieceSize), boundary);
  const chunks: Buffer[] = [];
  for await (const chunk of form.file.bytes) chunks.push(chunk);
  return { ...form, data: Buffer.concat(chunks) };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof S3Error)) throw new Error(`no S3Error: ${String(error)}`);
  return error.code;
}

const plain: FormOptions = { fields: [['key', 'k']], file: 'abc' };

describe('a form', () => {
  it.each([1, 2, 3, 7, 41, 65_536])('is read the same in pieces of %i bytes', async (size) => {
    const data = Buffer.from(`\r\n--\r\n--${defaultBoundary.slice(0, -1)}\r\n${'-'.repeat(90)}\r\n`);
    const body = formBody({
      fields: [
        ['key', 'ü\r\n--x'],
        ['empty', ''],
      ],
      file: data,
    });
    const form = await read(body, defaultBoundary, size);
    expect(form.fields).toEqual([
      { name: 'key', value: 'ü\r\n--x' },
      { name: 'empty', value: '' },
    ]);
    expect(form.file.filename).toBe('file.txt');
    expect(form.data.equals(data)).toBe(true);
  });

  it.each(['----dashes', "a'()+_,-./:=? b", 'x', '-'.repeat(70)])(
    'may have the boundary %j',
    async (boundary) => {
      const form = await read(formBody({ ...plain, boundary }), boundary);
      expect([form.data.toString(), form.fields.length]).toEqual(['abc', 1]);
    },
  );

  it('may begin after a preamble and go on after the file', async () => {
    const form = await read(
      formBody({
        ...plain,
        preamble: 'whatever\r\n',
        after: [['key', 'other']],
        end: `--${defaultBoundary}--`,
      }),
    );
    expect([form.data.toString(), form.fields]).toEqual(['abc', [{ name: 'key', value: 'k' }]]);
  });

  it('may have white space behind a delimiter', async () => {
    const body = formBody(plain).toString().replaceAll(`${defaultBoundary}\r\n`, `${defaultBoundary} \t\r\n`);
    expect((await read(body)).data.toString()).toBe('abc');
  });

  it('knows its file by the name, not by a filename', async () => {
    const body = formBody({ fields: [['key"; filename="x', 'k']], file: 'abc', filename: null });
    const form = await read(body);
    expect([form.fields, form.file.filename]).toEqual([[{ name: 'key', value: 'k' }], undefined]);
  });

  it.each([
    ['nothing at all', ''],
    ['no delimiter', 'abc'],
    ['another boundary', formBody({ ...plain, boundary: 'other' })],
    ['a field without an end', `--${defaultBoundary}\r\nContent-Disposition: form-data; name="k"\r\n\r\nv`],
    ['a part without a head', `--${defaultBoundary}\r\n\r\nv\r\n--${defaultBoundary}--`],
    [
      'a part without a name',
      `--${defaultBoundary}\r\nContent-Disposition: form-data\r\n\r\nv\r\n--${defaultBoundary}--`,
    ],
    [
      'an attachment',
      `--${defaultBoundary}\r\nContent-Disposition: file; name="file"\r\n\r\nv\r\n--${defaultBoundary}--`,
    ],
    ['a file without an end', formBody({ ...plain, end: '' })],
    ['half an end', formBody({ ...plain, end: `--${defaultBoundary}` })],
    ['an end that goes on', formBody({ ...plain, end: `--${defaultBoundary}x\r\n` })],
    ['a field that is not UTF-8', formBody({ fields: [['key', Buffer.from([0xff])]], file: 'x' })],
  ])('is malformed with %s', async (_, body) => {
    expect(await codeOf(read(Buffer.from(body)))).toBe('MalformedPOSTRequest');
  });

  it('has one file', async () => {
    expect(await codeOf(read(formBody({ fields: [['key', 'k']] })))).toBe('InvalidArgument');
  });

  it('has fields of 20 KiB at most', async () => {
    const ok = await read(formBody({ fields: [['key', 'x'.repeat(20_000)]], file: Buffer.alloc(100_000) }));
    expect(ok.data).toHaveLength(100_000);
    for (const size of [20_480, 1_000_000]) {
      const body = formBody({ fields: [['key', 'x'.repeat(size)]], file: 'abc' });
      for (const piece of [1000, 65_536]) {
        expect(await codeOf(read(body, defaultBoundary, piece))).toBe('MaxPostPreDataLengthExceeded');
      }
    }
    const preamble = 'x'.repeat(30_000);
    expect(await codeOf(read(formBody({ ...plain, preamble })))).toBe('MaxPostPreDataLengthExceeded');
  });
});

it('gives back whatever was put in', async () => {
  const name = fc.string({ unit: fc.constantFrom(...'abcxyz-_. ;='), minLength: 1, maxLength: 12 });
  // Text that looks like delimiters, or like their beginnings.
  const tricky = fc.array(fc.constantFrom('\r', '\n', '-', '--B', '\r\n--', '\r\n--C', 'x', 'ä', ''), {
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(name, tricky), { maxLength: 5 }),
      tricky,
      fc.integer({ min: 1, max: 60 }),
      async (fields, content, pieceSize) => {
        const file = content.join('');
        const sent = fields
          .filter(([field]) => field.trim() === field && field !== 'file')
          .map(([field, value]) => [field, value.join('')] as const);
        // Text that holds the delimiter itself ends a part: no boundary may be in what it bounds.
        if ([file, ...sent.map(([, value]) => value)].some((text) => text.includes('\r\n--Bx'))) return;
        const form = await read(formBody({ fields: sent, file, boundary: 'Bx' }), 'Bx', pieceSize);
        expect(form.fields.map((field) => [field.name, field.value])).toEqual(sent);
        expect(form.data.toString()).toBe(file);
      },
    ),
  );
});

describe('names', () => {
  it.each([
    ['form-data; name="file"; filename="a;b.txt"', 'file', 'a;b.txt'],
    ['form-data; name=file; filename=a.txt', 'file', 'a.txt'],
    ['form-data; filename="x"; name="key"', 'key', 'x'],
    ['FORM-DATA;NAME="key"', 'key', undefined],
    [String.raw`form-data; name="file"; filename="C:\dir\a.txt"`, 'file', String.raw`C:\dir\a.txt`],
    [String.raw`form-data; name="file"; filename="say \"hi\".txt"`, 'file', 'say "hi".txt'],
    ['form-data; name="ключ"', 'ключ', undefined],
    ['form-data;\r\n name="folded"', 'folded', undefined],
  ])('are read of %s', (value, name, filename) => {
    const head = Buffer.from(`Content-Type: x/y\r\nContent-Disposition: ${value}`);
    expect(partHead(head)).toEqual({ name, filename });
  });

  it.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['Multipart/Form-Data;charset=utf-8; BOUNDARY="a b;c"', 'a b;c'],
    ['multipart/form-data; boundary=----x', '----x'],
  ])('of a boundary: %s', (type, boundary) => {
    expect(boundaryOf(type)).toBe(boundary);
  });

  it.each([undefined, '', 'text/html', 'multipart/mixed; boundary=x', 'application/x-www-form-urlencoded'])(
    'no form: %s',
    (type) => {
      expect(() => boundaryOf(type)).toThrow('At least one of the pre-conditions you specified did not hold');
    },
  );

  it.each([
    'multipart/form-data',
    'multipart/form-data; boundary=',
    `multipart/form-data; boundary=${'x'.repeat(71)}`,
  ])('no boundary: %s', (type) => {
    expect(() => boundaryOf(type)).toThrow('well-formed multipart/form-data');
  });

  // Anybody can send them: time that grew with the square of their length would be minutes here.
  it.each(['\\"', '"', '\\"x"'])('are read in one go, whatever their quotes: %s', (quotes) => {
    const name = `"${quotes.repeat(200_000)}`;
    expect(partHead(Buffer.from(`Content-Disposition: form-data; name=${name}`)).name).not.toBe('');
  });
  it.each([
    ['a "quoted \\" ; string"; name=x', undefined],
    ['form-data; x="a;b"; name="c;\\";d"', 'c;";d'],
    ['form-data; x="\\"; name=y', 'y'],
    ['form-data; x=\\"; name=y', 'y'],
  ])('semicolons in quotes part nothing: %s', (line, name) => {
    const read = () => partHead(Buffer.from(`Content-Disposition: ${line}`)).name;
    if (name === undefined) expect(read).toThrow(S3Error);
    else expect(read()).toBe(name);
  });
});

describe('fields', () => {
  const named = (filename: string | undefined, ...fields: Array<[string, string]>) =>
    Object.fromEntries(
      fieldsOf({
        fields: fields.map(([name, value]) => ({ name, value })),
        file: { filename, bytes: inPieces(Buffer.alloc(0), 1) },
      }),
    );
  const variable = '$' + '{filename}';

  it('have the name of the file in them, without its path', () => {
    const value = `a/${variable}/${variable}`;
    expect(named('photo.jpg', ['key', value])).toEqual({ key: 'a/photo.jpg/photo.jpg' });
    expect(named('/tmp/x\\photo.jpg', ['key', value])).toEqual({ key: 'a/photo.jpg/photo.jpg' });
    expect(named('$&', ['key', value])).toEqual({ key: 'a/$&/$&' });
    expect(named('', ['key', value])).toEqual({ key: 'a//' });
    expect(named(undefined, ['key', value])).toEqual({ key: value });
  });

  it('have names without case, and commas between those of one name', () => {
    expect(named('f', ['X-Amz-Meta-Tag', 'Ninja'], ['x-amz-meta-tag', 'Stallman'])).toEqual({
      'x-amz-meta-tag': 'Ninja,Stallman',
    });
  });
});
