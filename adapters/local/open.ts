/** Opens the file that holds an object: what it holds can then be read whatever becomes of the name. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ObjectInfo } from '../types.ts';
import type { Context } from './context.ts';
import { orMissing } from './errors.ts';
import { changing, describe, type Found, find, looks } from './find.ts';
import { readFlags } from './looks.ts';
import { checkKey } from './names.ts';
import { stateOf } from './state.ts';

interface Opened {
  readonly found: Found;
  /** To be closed. `undefined` when `bytes` are all that the file holds. */
  readonly handle: FileHandle | undefined;
  readonly bytes: Buffer | undefined;
}

export type OpenObject = Opened & { readonly info: ObjectInfo };

/** An object of up to `small` bytes may be given whole. `undefined` when there is no such object. */
export async function openObject(
  context: Context,
  bucket: string,
  key: string,
  small: number,
): Promise<OpenObject | undefined> {
  checkKey(key);
  for (let look = 0; look < looks; look++) {
    const opened = await open(context, bucket, key, small);
    if (opened === undefined) return undefined;
    try {
      const { state } = opened.found;
      const info = await describe(context, bucket, key, state, () => find(context, bucket, key));
      if (info !== undefined) return { ...opened, info };
    } catch (error) {
      await opened.handle?.close();
      throw error;
    }
    await opened.handle?.close();
  }
  throw changing(key);
}

export async function openHandle(
  context: Context,
  bucket: string,
  key: string,
): Promise<{ readonly handle: FileHandle; readonly found: Found; readonly info: ObjectInfo } | undefined> {
  const opened = await openObject(context, bucket, key, 0);
  if (opened === undefined) return undefined;
  const { handle, ...rest } = opened;
  if (handle === undefined) throw new Error('a file was to be opened, not read');
  return { ...rest, handle };
}

async function open(
  context: Context,
  bucket: string,
  key: string,
  small: number,
): Promise<Opened | undefined> {
  const natural = context.layout.natural(bucket, key);
  const opened = natural === undefined ? undefined : await openFile(context, natural, true, small);
  return opened ?? openFile(context, context.layout.odd(bucket, key), false, small);
}

async function openFile(
  context: Context,
  path: string,
  exposed: boolean,
  small: number,
): Promise<Opened | undefined> {
  const { layer, look } = context.files;
  if (small > 0) {
    const whole = await look.readNow(path, small);
    if (whole === undefined) return undefined;
    if (whole !== 'later' && whole.bytes !== undefined) {
      const { stats, at, bytes } = whole;
      if (exposed && !(await isReachedByNoLink(context, path, at))) return undefined;
      return { found: { path, state: stateOf(stats) }, handle: undefined, bytes };
    }
  }
  const handle = await orMissing(layer.open(path, readFlags));
  if (handle === undefined) return undefined;
  let stats: BigIntStats;
  try {
    stats = await look.stat(handle);
    const at = process.platform === 'linux' ? await look.readlink(`/proc/self/fd/${handle.fd}`) : undefined;
    if (stats.isFile() && (!exposed || (await isReachedByNoLink(context, path, at)))) {
      return { found: { path, state: stateOf(stats) }, handle, bytes: undefined };
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

/**
 * Whether an open file is the one at `path` proper. Linux tells where an open file is, so that a directory swapped for a
 * link at the wrong moment leads nowhere; elsewhere the directory is looked at.
 */
async function isReachedByNoLink(context: Context, path: string, at: string | undefined): Promise<boolean> {
  // proc(5): the name of a file that has been replaced since ends so.
  if (at !== undefined) return at === path || at === `${path} (deleted)`;
  const directory = dirname(path);
  return (await context.files.look.realpath(directory)) === directory;
}
