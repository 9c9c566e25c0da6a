/** What the clients carry: real binaries and real trees of this repository's own dependencies, and names that hurt. */
import { copyFile, cp, mkdir, open, readdir, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { filesOf, put, sha256 } from './files.ts';

const repository = path.resolve(import.meta.dirname, '../../..');

export interface DataFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export interface ClientData {
  /** Over 300 MB: the largest binaries of node_modules, one behind the other. */
  readonly big: DataFile;
  /** 24 MiB and a bit of the Node.js binary: three parts of 8 MiB and a short one. For the emulators. */
  readonly medium: DataFile;
  /** A few thousand files of npm packages, and the odd names. */
  readonly tree: string;
  /** A few hundred files, and the odd names. For the emulators. */
  readonly smallTree: string;
  /** Removed at the end; a test file works in a directory of its own below it. */
  readonly work: string;
}

/** Names that people have and clients, signers and XML writers trip over. */
export const oddNames: readonly string[] = [
  '.hidden/.file',
  "apostrophe's.txt",
  'ampersand&equals=.txt',
  'at@colon:comma,semicolon;.txt',
  'back`tick.txt',
  'brackets[1](2){3}.txt',
  'caret^pipe|.txt',
  'combining e\u0301.txt',
  'dollar$HOME.txt',
  'double  space.txt',
  'double"quote.txt',
  'emoji-\u{1f600}.txt',
  'empty.bin',
  'entity&amp;.txt',
  'exclamation!.txt',
  'hash#mark.txt',
  'less<than>.txt',
  `long-${'x'.repeat(200)}.txt`,
  'percent%20literal.txt',
  'percent%.txt',
  'plus+plus.txt',
  'question?mark.txt',
  'star*.txt',
  'tilde~.txt',
  'with space/and space.txt',
  'übersicht/ファイル/файл.txt',
];

async function largestBinaries(minimum: number): Promise<string[]> {
  const modules = path.join(repository, 'node_modules');
  const entries = await readdir(modules, { recursive: true, withFileTypes: true });
  const sized: { file: string; size: number; inode: number }[] = [];
  for (const entry of entries) {
    if (!entry.isFile() || !/(^[^.]+|\.node|\.so)$/.test(entry.name)) continue;
    const file = path.join(entry.parentPath, entry.name);
    const { size, ino } = await stat(file);
    if (size > 1 << 20) sized.push({ file, size, inode: ino });
  }
  sized.sort((a, b) => b.size - a.size || a.file.localeCompare(b.file));
  const seen = new Set<number>();
  const chosen: string[] = [];
  let total = 0;
  // Hard links of one binary come last: different bytes first.
  const distinct = sized.filter(({ inode }) => !seen.has(inode) && seen.add(inode));
  for (const { file, size } of [...distinct, ...sized]) {
    if (total >= minimum) return chosen;
    chosen.push(file);
    total += size;
  }
  if (total < minimum)
    throw new Error(`node_modules holds ${total} bytes of binaries, ${minimum} are needed`);
  return chosen;
}

async function concatenate(sources: readonly string[], to: string, length = Infinity): Promise<DataFile> {
  const out = await open(to, 'w');
  let size = 0;
  try {
    const buffer = Buffer.allocUnsafe(1 << 20);
    for (const source of sources) {
      const input = await open(source, 'r');
      try {
        for (;;) {
          const { bytesRead } = await input.read(buffer, 0, Math.min(buffer.length, length - size));
          if (bytesRead === 0) break;
          await out.write(buffer, 0, bytesRead);
          size += bytesRead;
        }
      } finally {
        await input.close();
      }
    }
  } finally {
    await out.close();
  }
  return { path: to, size, sha256: await sha256(to) };
}

async function tree(packages: readonly string[], to: string): Promise<string> {
  for (const name of packages)
    await cp(path.join(repository, 'node_modules', name), path.join(to, name), { recursive: true });
  for (const name of oddNames)
    await put(path.join(to, 'odd', name), name === 'empty.bin' ? '' : `I am ${name}\n`);
  return to;
}

export async function makeData(work: string): Promise<ClientData> {
  await mkdir(work, { recursive: true });
  const size = 300 * (1 << 20) + 54_321;
  const big = await concatenate(await largestBinaries(size), path.join(work, 'big.bin'), size);
  return {
    big,
    medium: await concatenate([big.path], path.join(work, 'medium.bin'), 24 * (1 << 20) + 12_345),
    tree: await tree(['@smithy', '@azure/storage-blob'], path.join(work, 'tree')),
    smallTree: await tree(['@smithy/types'], path.join(work, 'small-tree')),
    work,
  };
}

/**
 * A copy of a tree that a test may change. Its files are an hour old: clients compare times that have whole seconds,
 * and would take a file that is as young as its upload for a changed one.
 */
export async function copyTree(from: string, to: string): Promise<string> {
  const hourAgo = Math.floor(Date.now() / 1000) - 3600;
  for (const name of await filesOf(from)) {
    const target = path.join(to, name);
    await mkdir(path.dirname(target), { recursive: true });
    await copyFile(path.join(from, name), target);
    await utimes(target, hourAgo, hourAgo);
  }
  return to;
}
