/** What the parts of the adapter share. */
import { dirname } from 'node:path';
import { AdapterError } from '../errors.ts';
import { AttributeStore } from './attributes.ts';
import { codeOf } from './errors.ts';
import { type FileLayer, Files } from './files.ts';
import { createLayout, type Layout } from './layout.ts';
import { Directories } from './listing/directories.ts';
import { KeyLocks } from './lock.ts';
import { Looks, type SyncLooks } from './looks.ts';

export interface Context {
  readonly layout: Layout;
  readonly files: Files;
  readonly attributes: AttributeStore;
  readonly locks: KeyLocks;
  readonly directories: Directories;
}

export interface ContextOptions {
  readonly root: string;
  readonly durable: boolean;
  readonly layer: FileLayer;
  readonly sync: SyncLooks | undefined;
}

export async function openContext({ root, durable, layer, sync }: ContextOptions): Promise<Context> {
  const layout = createLayout(await realRoot(root, layer));
  const files = new Files(layer, new Looks(layer, sync), durable);
  return {
    layout,
    files,
    attributes: new AttributeStore(layout, files),
    locks: new KeyLocks(layout.locks),
    directories: new Directories(files),
  };
}

/** The root may be reached over symbolic links; below it none is followed. */
async function realRoot(root: string, layer: FileLayer): Promise<string> {
  await makeTree(root, layer).catch((cause: unknown) => {
    throw new AdapterError(
      'Unavailable',
      `the root ${root} is no directory and cannot be made one: name another, or let this user make it`,
      {
        cause,
      },
    );
  });
  return layer.realpath(root);
}

/** As `mkdir -p`. Node's own `recursive` never returns where the kernel makes no directories (`/proc/x`): it takes every ENOENT for a missing parent. */
async function makeTree(path: string, layer: FileLayer): Promise<void> {
  const make = (): Promise<unknown> =>
    layer.mkdir(path).catch(async (error: unknown) => {
      // It may be there, as a directory or as a symbolic link to one.
      if (codeOf(error) !== 'EEXIST' || !(await layer.lstat(await layer.realpath(path))).isDirectory())
        throw error;
    });
  try {
    await make();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeTree(dirname(path), layer);
    await make();
  }
}
