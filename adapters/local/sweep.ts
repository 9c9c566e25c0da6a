/** Collects what crashes left in the private tree. Live objects are never touched: it looks at names of ours only. */
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { isAdapterError } from '../errors.ts';
import type { Leftover, SweepCall, SweepResult } from '../types.ts';
import { moveToTrash } from './buckets.ts';
import type { Context } from './context.ts';
import { FromCaller, orMissing } from './errors.ts';
import { bucketIdentity, find } from './find.ts';
import { openCandidates } from './listing/candidates.ts';
import { isBucketName } from './names.ts';

export async function sweep(context: Context, call: SweepCall): Promise<SweepResult> {
  const { layout } = context;
  const work = new Sweep(context, call);
  await work.directory(layout.temporary);
  await work.directory(layout.trash);
  for (const bucket of await work.names(layout.buckets)) {
    if (!isBucketName(bucket) || call.isOurs?.(bucket) === false) continue;
    if ((await bucketIdentity(context, bucket)) === undefined) {
      await work.removedBucket(bucket);
      continue;
    }
    for (const uploadId of await work.names(layout.uploads(bucket))) await work.upload(bucket, uploadId);
    await work.attributes(bucket);
  }
  return work.result;
}

class Sweep {
  readonly #context: Context;
  readonly #call: SweepCall;
  result: SweepResult = { removed: 0, bytes: 0 };

  constructor(context: Context, call: SweepCall) {
    this.#context = context;
    this.#call = call;
  }

  async names(path: string): Promise<readonly string[]> {
    if (this.#call.signal?.aborted) throw new FromCaller(this.#call.signal.reason);
    return (await orMissing(this.#context.files.layer.readdir(path))) ?? [];
  }

  /** Everything in a directory that holds nothing to be kept. */
  async directory(path: string): Promise<void> {
    for (const name of await this.names(path)) await this.#remove({ kind: 'write', place: join(path, name) });
  }

  /** The bucket's directory is gone, so nobody can reach what was private to it. */
  async removedBucket(bucket: string): Promise<void> {
    const path = this.#context.layout.ofBucket(bucket);
    const { newest, bytes } = await this.#measure(path);
    if (newest >= this.#call.olderThan.getTime()) return;
    const leftover: Leftover = { kind: 'bucket', bucket, place: path, bytes };
    if (this.#call.dryRun) return this.#count(leftover);
    const release = await this.#context.locks.acquireAll();
    let trash: string | undefined;
    try {
      // Made anew meanwhile, it is another bucket's.
      if ((await bucketIdentity(this.#context, bucket)) !== undefined) return;
      trash = await moveToTrash(this.#context, path);
    } finally {
      release();
    }
    await this.#drop(trash, leftover);
  }

  async upload(bucket: string, uploadId: string): Promise<void> {
    const path = join(this.#context.layout.uploads(bucket), uploadId);
    const { newest, bytes } = await this.#measure(path);
    if (newest >= this.#call.olderThan.getTime() || (await this.#call.isOpen(uploadId))) return;
    const leftover: Leftover = { kind: 'upload', bucket, uploadId, place: path, bytes };
    if (this.#call.dryRun) return this.#count(leftover);
    await this.#drop(await moveToTrash(this.#context, path), leftover);
  }

  /** Attributes of states that are not, or no longer, to be had. */
  async attributes(bucket: string): Promise<void> {
    const { files, layout } = this.#context;
    const unreadable: string[] = [];
    for (const shard of await this.names(layout.attributes(bucket))) {
      for (const name of await this.names(join(layout.attributes(bucket), shard))) {
        const path = join(layout.attributes(bucket), shard, name);
        const stats = await files.look.lstat(path);
        if (!this.#isOld(stats)) continue;
        const owner = await this.#owner(bucket, path);
        if (owner === 'unreadable') unreadable.push(path);
        else if (owner === 'gone') await this.#remove({ kind: 'attributes', bucket, place: path }, stats);
      }
    }
    if (unreadable.length === 0) return;
    const live = await this.#ofLiveObjects(bucket, new Set(unreadable));
    for (const place of unreadable) {
      if (!live.has(place)) await this.#remove({ kind: 'attributes', bucket, place });
    }
  }

  async #owner(bucket: string, path: string): Promise<'live' | 'gone' | 'unreadable'> {
    const { attributes } = this.#context;
    try {
      const file = await attributes.readFile(path);
      if (file === undefined) return 'live';
      const { key } = file.record;
      const found = await find(this.#context, bucket, key);
      return found && attributes.path(bucket, key, found.state) === path ? 'live' : 'gone';
    } catch (error) {
      if (isAdapterError(error, 'Corrupt')) return 'unreadable';
      throw error;
    }
  }

  /**
   * Those of the given files that belong to objects that are there. A file that was cut off while it was written does not
   * say which key it is of, and one that was damaged later is all that tells of the damage: every key has to be looked at.
   */
  async #ofLiveObjects(bucket: string, paths: ReadonlySet<string>): Promise<Set<string>> {
    const live = new Set<string>();
    const candidates = await openCandidates(this.#context, { bucket, limit: 1 });
    for (;;) {
      const batch = await candidates.take(1000);
      if (batch.length === 0) return live;
      for (const candidate of batch) {
        if (candidate.kind !== 'object') continue;
        const found = await find(this.#context, bucket, candidate.key);
        const path = found && this.#context.attributes.path(bucket, candidate.key, found.state);
        if (path !== undefined && paths.has(path)) live.add(path);
      }
    }
  }

  #isOld(stats: BigIntStats | undefined): stats is BigIntStats {
    return stats !== undefined && stats.mtimeMs < this.#call.olderThan.getTime();
  }

  async #remove(leftover: Omit<Leftover, 'bytes'>, known?: BigIntStats): Promise<void> {
    const { layer, look } = this.#context.files;
    const { place } = leftover;
    const stats = known ?? (await look.lstat(place));
    if (!this.#isOld(stats)) return;
    const bytes = stats.isDirectory() ? (await this.#measure(place)).bytes : Number(stats.size);
    if (!this.#call.dryRun) await layer.rm(place, { recursive: true, force: true });
    this.#count({ ...leftover, bytes });
  }

  async #drop(trash: string | undefined, leftover: Leftover): Promise<void> {
    if (trash === undefined) return;
    await this.#context.files.layer.rm(trash, { recursive: true, force: true });
    this.#count(leftover);
  }

  #count(leftover: Leftover): void {
    this.result = { removed: this.result.removed + 1, bytes: this.result.bytes + leftover.bytes };
    this.#call.onLeftover?.(leftover);
  }

  /** Bytes on disk below a path, and when anything there changed last. */
  async #measure(path: string): Promise<{ readonly newest: number; readonly bytes: number }> {
    const { look } = this.#context.files;
    const stats = await look.lstat(path);
    if (stats === undefined) return { newest: Number.POSITIVE_INFINITY, bytes: 0 };
    let newest = Number(stats.mtimeMs);
    // Slotted files are sparse: what they take, not how far they reach.
    let bytes = stats.isDirectory() ? 0 : Number(stats.blocks) * 512;
    if (stats.isDirectory()) {
      for (const name of await this.names(path)) {
        const below = await this.#measure(join(path, name));
        newest = Math.max(newest, below.newest);
        bytes += below.bytes;
      }
    }
    return { newest, bytes };
  }
}
