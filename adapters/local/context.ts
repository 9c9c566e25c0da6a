/** What the parts of the adapter share. */
import { AdapterError } from '../errors.ts';
import { AttributeStore } from './attributes.ts';
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
  await layer.mkdir(root, { recursive: true }).catch((cause: unknown) => {
    throw new AdapterError('Unavailable', `the root ${root} is no directory and cannot be made one`, {
      cause,
    });
  });
  return layer.realpath(root);
}
