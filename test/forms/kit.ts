/** Forms as browsers send them, byte by byte, and their policies as AWS's documentation has them signed; apart from the gateway's own code. */
import { createHmac } from 'node:crypto';
import { credentials } from '../kit/gateway.ts';

export type Fields = ReadonlyArray<readonly [name: string, value: string | Uint8Array]>;

export interface FormOptions {
  readonly fields: Fields;
  readonly file?: Uint8Array | string;
  /** `null`: the part has none. */
  readonly filename?: string | null;
  readonly boundary?: string;
  readonly preamble?: string;
  /** Parts after the file. */
  readonly after?: Fields;
  /** What ends the form, instead of the last delimiter. */
  readonly end?: string;
}

export const defaultBoundary = '----WebKitFormBoundaryAbCdEf0123456789';

export function formBody(options: FormOptions): Buffer {
  const {
    after = [],
    boundary = defaultBoundary,
    fields,
    file,
    filename = 'file.txt',
    preamble = '',
  } = options;
  const pieces: Array<string | Uint8Array> = [preamble];
  const part = (head: string, value: string | Uint8Array): void => {
    pieces.push(`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`, value, '\r\n');
  };
  for (const [name, value] of fields) part(`name="${name}"`, value);
  if (file !== undefined) {
    const named = filename === null ? '' : `; filename="${filename}"\r\nContent-Type: text/x-of-the-part`;
    part(`name="file"${named}`, file);
  }
  for (const [name, value] of after) part(`name="${name}"`, value);
  pieces.push(options.end ?? `--${boundary}--\r\n`);
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
}

export interface PolicyOptions {
  readonly conditions: readonly unknown[];
  readonly expiration?: string;
  readonly accessKeyId?: string;
  readonly region?: string;
  /** In place of the document made of the conditions. */
  readonly document?: string;
}

/** The five fields that sign a form. The conditions on them are added. */
export function signedFields(options: PolicyOptions): Array<[string, string]> {
  const { accessKeyId = credentials.accessKeyId, conditions, region = 'us-east-1' } = options;
  const date = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const day = date.slice(0, 8);
  const own: Array<[string, string]> = [
    ['x-amz-algorithm', 'AWS4-HMAC-SHA256'],
    ['x-amz-credential', `${accessKeyId}/${day}/${region}/s3/aws4_request`],
    ['x-amz-date', date],
  ];
  const document =
    options.document ??
    JSON.stringify({
      expiration: options.expiration ?? new Date(Date.now() + 600_000).toISOString(),
      conditions: [...conditions, ...own.map(([name, value]) => ({ [name]: value }))],
    });
  const policy = Buffer.from(document).toString('base64');
  return [...own, ['policy', policy], ['x-amz-signature', signatureOf(policy, day, region)]];
}

export function signatureOf(policy: string, day: string, region = 'us-east-1'): string {
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (secret, step) => createHmac('sha256', secret).update(step).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  return createHmac('sha256', key).update(policy).digest('hex');
}

function unescapeXml(text: string | undefined): string | undefined {
  const entities: Record<string, string> = { quot: '"', lt: '<', gt: '>', amp: '&' };
  return text?.replaceAll(/&(\w+);/g, (_, name: string) => entities[name] ?? '?');
}

export interface FormAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  element(name: string): string | undefined;
}

export async function post(
  endpoint: string,
  bucket: string,
  body: Uint8Array,
  contentType = `multipart/form-data; boundary=${defaultBoundary}`,
): Promise<FormAnswer> {
  const response = await fetch(`${endpoint}/${bucket}`, {
    method: 'POST',
    body: Buffer.from(body),
    headers: { 'content-type': contentType },
    redirect: 'manual',
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    element: (name) => unescapeXml(new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]),
  };
}
