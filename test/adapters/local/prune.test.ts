import nodeFiles, { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Files } from '../../../adapters/local/files.ts';
import { Looks, nodeLooks } from '../../../adapters/local/looks.ts';

let root: string;
let files: Files;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'partway-prune-'));
  files = new Files(nodeFiles, new Looks(nodeFiles, nodeLooks), false);
});
afterEach(() => rm(root, { recursive: true }));

it('removes empty directories up to one that holds something', async () => {
  await mkdir(join(root, 'kept/a/b/c'), { recursive: true });
  await writeFile(join(root, 'kept/object'), '');
  expect(await files.prune(join(root, 'kept/a/b/c'), root)).toBe(join(root, 'kept'));
  expect(await readdir(join(root, 'kept'))).toEqual(['object']);
});

it('goes on where an object has taken the name of a directory that somebody else removed', async () => {
  await writeFile(join(root, 'taken'), 'an object');
  expect(await files.prune(join(root, 'taken/a/b'), root)).toBe(root);
  expect(await readdir(root)).toEqual(['taken']);
});
