/** The fields of a form by name, as the file's name completes them, and as the headers that they stand for. */
import { S3Error } from '../errors.ts';
import type { Form } from './multipart.ts';

/** Names in lower case: "post parameters are case insensitive". Those of one name are joined by `,`. */
export type FormFields = ReadonlyMap<string, string>;

const variable = '$' + '{filename}';

/** "The variable `${filename}` … is recognized by all form fields"; of a path, only what follows the last slash counts. */
export function fieldsOf({ fields, file }: Form): FormFields {
  const filename = file.filename?.replace(/^.*[/\\]/s, '');
  const named = new Map<string, string>();
  for (const { name, value } of fields) {
    const lower = name.toLowerCase();
    const text = filename === undefined ? value : value.replaceAll(variable, () => filename);
    const earlier = named.get(lower);
    named.set(lower, earlier === undefined ? text : `${earlier},${text}`);
  }
  return named;
}

/** InvalidArgument with AWS's hint: fields behind the file are not seen. */
export function missingField(name: string): S3Error {
  return new S3Error('InvalidArgument', {
    message: `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`,
    extra: { ArgumentName: name, ArgumentValue: '' },
  });
}

const plainHeaders: ReadonlySet<string> = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-md5',
  'content-type',
  'expires',
]);
/** Of the form's own signature, and what has a field of another name here. */
const notHeaders: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-tagging',
  'x-amz-acl',
]);

/** What the form says of its object, in the words of PutObject: values as from the wire, a latin1 character for each byte. */
export function headersOf(fields: FormFields): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of fields) {
    const isHeader = plainHeaders.has(name) || (name.startsWith('x-amz-') && !notHeaders.has(name));
    if (isHeader) headers.set(name, Buffer.from(value).toString('latin1'));
  }
  const acl = fields.get('acl');
  if (acl !== undefined) headers.set('x-amz-acl', acl);
  for (const value of headers.values()) {
    // It would be given back as a header line, which it would end.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(value)) {
      throw new S3Error('InvalidArgument', { message: 'A form field holds control characters.' });
    }
  }
  return headers;
}
