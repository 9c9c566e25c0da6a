import { UploadStoreUnavailable } from '../types.ts';

/** An error of SQLite as it crosses from the writer's thread: its fields would not survive the copy. */
export interface SqliteFailure {
  readonly message: string;
  /** SQLite's extended result code; `undefined` for other errors. */
  readonly code: number | undefined;
}

/** Primary result codes of outages (sqlite.org, "Result and Error Codes"). CORRUPT and the like are none: trying again does not help. */
const outages = new Map([
  [5, 'busy'],
  [6, 'locked'],
  [7, 'out of memory'],
  [8, 'read-only'],
  [10, 'input/output error'],
  [13, 'full'],
  [14, 'cannot open'],
  [15, 'locking protocol'],
]);

export function describeFailure(error: unknown): SqliteFailure {
  return { message: error instanceof Error ? error.message : String(error), code: codeOf(error) };
}

export function isBusy(error: unknown): boolean {
  return ((codeOf(error) ?? 0) & 0xff) === 5;
}

export function toStoreError(failure: SqliteFailure, cause?: unknown): Error {
  const options = cause === undefined ? undefined : { cause };
  const outage = failure.code === undefined ? undefined : outages.get(failure.code & 0xff);
  if (outage === undefined) return new Error(`embedded upload store: ${failure.message}`, options);
  return new UploadStoreUnavailable(
    `the embedded upload store is unavailable (${outage}): ${failure.message}`,
    options,
  );
}

function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined;
  return error.errcode;
}
