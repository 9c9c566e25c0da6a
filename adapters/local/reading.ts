/** Objects, read. */
import { AdapterError } from '../errors.ts';
import type { ByteRange, GetObjectCall, GetObjectResult, ObjectCall, ObjectInfo } from '../types.ts';
import { BytesBody, FileBody, readFully } from './body.ts';
import type { Context } from './context.ts';
import { FromCaller } from './errors.ts';
import { findInfo, missingObject } from './find.ts';
import { type OpenObject, openObject } from './open.ts';
import { checkCondition } from './publish.ts';

export async function headObject(context: Context, call: ObjectCall): Promise<ObjectInfo> {
  const found = await findInfo(context, call.bucket, call.key);
  if (found === undefined) throw await missingObject(context, call.bucket, call.key);
  return found.info;
}

/** Up to here an object is read before it is answered, and its file closed. */
const smallBytes = 64 * 1024;

export async function getObject(context: Context, call: GetObjectCall): Promise<GetObjectResult> {
  const opened = await openObject(context, call.bucket, call.key, smallBytes);
  if (opened === undefined) throw await missingObject(context, call.bucket, call.key);
  const { handle, info } = opened;
  try {
    if (call.version !== undefined) checkCondition(call.key, { version: call.version }, opened.found.state);
    const range = resolveRange(call.range, info.size);
    if (call.signal?.aborted) throw new FromCaller(call.signal.reason);
    if (handle !== undefined && range !== undefined && range.end - range.start >= smallBytes) {
      return { info, range, body: abortable(new FileBody(handle, range.start, range.end), call.signal) };
    }
    const bytes = range && (await bytesOf(opened, range));
    await handle?.close();
    return { info, range, body: new BytesBody(bytes ?? Buffer.alloc(0)) };
  } catch (error) {
    await handle?.close();
    throw error;
  }
}

async function bytesOf({ handle, bytes }: OpenObject, { start, end }: Range): Promise<Buffer | undefined> {
  return handle === undefined ? bytes?.subarray(start, end + 1) : readFully(handle, start, end - start + 1);
}

function abortable(body: FileBody, signal: AbortSignal | undefined): FileBody {
  if (signal === undefined) return body;
  const onAbort = (): void => {
    body.destroy(signal.reason instanceof Error ? signal.reason : new AdapterError('Aborted', 'aborted'));
  };
  signal.addEventListener('abort', onAbort);
  body.once('close', () => signal.removeEventListener('abort', onAbort));
  return body;
}

interface Range {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

function resolveRange(range: ByteRange | undefined, size: number): Range | undefined {
  if (range === undefined) return size === 0 ? undefined : { start: 0, end: size - 1 };
  const start = 'suffix' in range ? Math.max(0, size - range.suffix) : range.start;
  const end = 'suffix' in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1);
  if (start > end) throw new AdapterError('InvalidRange', `the object has ${size} bytes`);
  return { start, end };
}
