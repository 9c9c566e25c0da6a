/** Words to write JSON Schema in, as far as answers need them. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

export const text: Schema = { type: 'string' };
export const integer: Schema = { type: 'integer', minimum: 0 };
export const flag: Schema = { type: 'boolean' };
/** ISO 8601, UTC. */
export const instant: Schema = { type: 'string', format: 'date-time' };
/** With its quotes. */
export const etag: Schema = { type: 'string', pattern: '^"[0-9a-f]{32}(-[0-9]+)?"$' };

export function oneOf(...values: readonly string[]): Schema {
  return { type: 'string', enum: values };
}

export function list(items: Schema): Schema {
  return { type: 'array', items };
}

export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** An object of these fields and no others; names that end in `?` may be absent. */
export function record(fields: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(fields);
  const required = names.filter((name) => !name.endsWith('?'));
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(fields).map(([name, schema]) => [name.replace('?', ''), schema]),
    ),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}

export const checksumAlgorithms = [
  'CRC32',
  'CRC32C',
  'CRC64NVME',
  'SHA1',
  'SHA256',
  'SHA512',
  'MD5',
  'XXHASH64',
  'XXHASH3',
  'XXHASH128',
] as const;

/** `checksum_crc32` … as far as they are known, and of what. */
export const checksums: Readonly<Record<string, Schema>> = {
  ...Object.fromEntries(checksumAlgorithms.map((name) => [`checksum_${name.toLowerCase()}?`, text])),
  'checksum_type?': oneOf('COMPOSITE', 'FULL_OBJECT'),
};

/** How an object was encrypted, where the answer says so in its headers only. */
export const encryption: Readonly<Record<string, Schema>> = {
  'server_side_encryption?': text,
  'server_side_encryption_customer_algorithm?': text,
  'server_side_encryption_customer_key_md5?': text,
};

export interface Parameter {
  readonly schema: Schema;
  readonly required?: true;
  /** The tests send it. */
  readonly example?: string;
}

export type Parameters = Readonly<Record<string, Parameter>>;

export function optional(...names: readonly string[]): Parameters {
  return Object.fromEntries(names.map((name) => [name, { schema: text }]));
}

/** What an action takes and answers, beyond its entry in the table of operations. */
export interface Description {
  readonly summary: string;
  /** Without the parameter that names the action. */
  readonly query?: Parameters;
  readonly headers?: Parameters;
  /** The tests send the example. */
  readonly body?: { readonly type: string; readonly example: string; readonly schema?: Schema };
  readonly answer: Answer;
}

export type Answer =
  /** `data` of the JSON; status 200 unless said. */
  | { readonly data: Schema; readonly status?: number }
  /** Not JSON, whatever is asked for. */
  | { readonly bytes: string }
  | { readonly empty: 200 | 204 }
  /** Always this error: there is nothing of the kind. */
  | { readonly error: string };

export const nothing: Answer = { data: record({}) };
export const done: Answer = { empty: 204 };
