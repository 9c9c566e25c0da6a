/**
 * Rules of the real service that fake-gcs-server does not keep. Each names the page of the Cloud Storage documentation
 * that it was taken from.
 */

/** An answer that is no success, as the JSON API words it. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  readonly retryAfter: number | undefined;

  constructor(status: number, reason: string, message: string, retryAfter?: number) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

export interface Resource {
  readonly name: string;
  readonly generation: string;
  readonly metageneration: string;
  readonly size: string;
  readonly storageClass: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** "Object naming": 1 to 1,024 bytes, no CR or LF, not `.` or `..`, no `.well-known/acme-challenge/`. */
export function demandName(name: string): void {
  const size = Buffer.byteLength(name);
  const refused =
    size < 1 ||
    size > 1024 ||
    /[\r\n]/.test(name) ||
    name === '.' ||
    name === '..' ||
    name.startsWith('.well-known/acme-challenge/');
  if (refused) throw new Refusal(400, 'invalid', `The object name ${JSON.stringify(name)} is not valid.`);
}

/** "Bucket naming". */
export function demandBucketName(name: string): void {
  const labels = name.split('.');
  const refused =
    !/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(name) ||
    labels.some((label) => label.length > 63) ||
    name.startsWith('goog') ||
    name.includes('google') ||
    /^\d+\.\d+\.\d+\.\d+$/.test(name);
  if (refused) throw new Refusal(400, 'invalid', `Invalid bucket name: '${name}'`);
}

/** "Quotas & limits": the custom metadata of an object has at most 8 KiB, names and values together. */
export function demandMetadata(metadata: Readonly<Record<string, string>> | undefined): void {
  let size = 0;
  for (const [name, value] of Object.entries(metadata ?? {})) {
    if (typeof value !== 'string') throw new Refusal(400, 'invalid', `Metadata ${name} is no string.`);
    size += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  if (size > 8192) throw new Refusal(400, 'invalid', `Metadata part is too large: ${size} bytes.`);
}

export interface Conditions {
  readonly ifGenerationMatch: string | undefined;
  readonly ifMetagenerationMatch: string | undefined;
}

const unmet = new Refusal(
  412,
  'conditionNotMet',
  'At least one of the pre-conditions you specified did not hold.',
);

/** "Request preconditions": checked with the write as one step; generation 0 is the absence of a live object. */
export function demandConditions(conditions: Conditions, current: Resource | undefined): void {
  const { ifGenerationMatch, ifMetagenerationMatch } = conditions;
  if (ifGenerationMatch !== undefined && ifGenerationMatch !== (current?.generation ?? '0')) throw unmet;
  if (ifMetagenerationMatch !== undefined && ifMetagenerationMatch !== current?.metageneration) throw unmet;
}

export interface ComposeSource {
  readonly name: string;
  readonly generation?: string;
  readonly objectPreconditions?: { readonly ifGenerationMatch?: string };
}

/**
 * "Composite objects" and "Objects: compose": 1 to 32 sources of one storage class; a source that names a generation is
 * that generation or missing; a source precondition that fails, fails the call.
 */
export function demandSources(
  sources: readonly ComposeSource[],
  current: (name: string) => Resource | undefined,
): readonly Resource[] {
  if (sources.length < 1 || sources.length > 32) {
    const count = `The number of source components provided (${sources.length})`;
    throw new Refusal(400, 'invalid', `${count} is not between 1 and 32.`);
  }
  const found = sources.map((source) => {
    const object = current(source.name);
    const condition = source.objectPreconditions?.ifGenerationMatch;
    if (condition !== undefined && source.generation !== undefined && condition !== source.generation) {
      throw new Refusal(400, 'invalid', 'A source names two generations.');
    }
    if (object === undefined || (source.generation ?? object.generation) !== object.generation) {
      throw new Refusal(404, 'notFound', `Object ${source.name} was not found.`);
    }
    if (condition !== undefined && condition !== object.generation) throw unmet;
    return object;
  });
  if (new Set(found.map((object) => object.storageClass)).size > 1) {
    throw new Refusal(400, 'invalid', 'The sources of a compose have one storage class.');
  }
  return found;
}

/** A byte range of the object, from a `Range` header; `undefined` for all of it. "Download objects": out of reach is 416. */
export function rangeOf(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | undefined {
  if (header === undefined) return undefined;
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const unsatisfiable = new Refusal(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable');
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || (first === '' && Number(last) === 0)) throw unsatisfiable;
  return { start, end };
}
