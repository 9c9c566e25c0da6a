/**
 * What a Complete is about to make visible, written down right before it does. A Complete that is repeated after a crash
 * reads here whether the one before it got there: if so, the file named here was renamed away, whatever became of the
 * object since.
 */
import { AdapterError } from '../../errors.ts';
import type { ObjectInfo } from '../../types.ts';
import { type PackedAttributes, pack, unpack } from '../codec.ts';
import type { Context } from '../context.ts';
import { orMissing } from '../errors.ts';

interface Entry {
  readonly format: 1;
  /** Name, in the upload's directory, of the file that becomes the object. */
  readonly source: string;
  readonly info: Omit<ObjectInfo, 'lastModified' | 'attributes'> & {
    /** Milliseconds since the epoch. */
    readonly lastModified: number;
    readonly attributes: PackedAttributes;
  };
}

const name = 'publish.json';

export async function writeJournal(
  context: Context,
  directory: string,
  source: string,
  info: ObjectInfo,
): Promise<void> {
  const { files } = context;
  const entry: Entry = {
    format: 1,
    source,
    info: { ...info, lastModified: info.lastModified.getTime(), attributes: pack(info.attributes) },
  };
  const draft = `${directory}/${name}.draft`;
  await files.remove(draft);
  const handle = await files.createHere(draft);
  try {
    await handle.writeFile(JSON.stringify(entry));
    await files.syncData(handle);
  } finally {
    await handle.close();
  }
  await files.layer.rename(draft, `${directory}/${name}`);
  await files.syncDirectory(directory);
}

/** The object that an earlier attempt published; `undefined` when none did. */
export async function readPublished(context: Context, directory: string): Promise<ObjectInfo | undefined> {
  const { layer, look } = context.files;
  const path = `${directory}/${name}`;
  const text = await orMissing(layer.readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  const { source, info } = parse(path, text);
  if ((await look.lstat(`${directory}/${source}`)) !== undefined) return undefined;
  return { ...info, lastModified: new Date(info.lastModified), attributes: unpack(info.attributes) };
}

/** To be called before a file that the journal names is removed for another reason. */
export async function removeJournal(context: Context, directory: string): Promise<void> {
  await context.files.remove(`${directory}/${name}`);
  await context.files.syncDirectory(directory);
}

function parse(path: string, text: string): Entry {
  try {
    const entry = JSON.parse(text) as Partial<Entry> | null;
    if (entry?.format === 1 && entry.source !== undefined && entry.info !== undefined) return entry as Entry;
    throw new Error('not a journal');
  } catch (cause) {
    throw new AdapterError('Corrupt', `${path} cannot be read; abort the upload`, { cause });
  }
}
