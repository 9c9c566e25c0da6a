/**
 * A power cut, as POSIX allows it to be: of a file there is what its last fsync covered, of a name what the last fsync of its directory did.
 * A gateway as people run it is followed by strace; at each answer that it sends, everything that the answer promises must be covered.
 */
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Deployment,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import { type RawRequest, send } from '../kit/raw-request.ts';
import { attachStrace, type Change, parse, type Tracer } from './strace.ts';

/** What a power cut would take away. */
class Disk {
  /** Files with bytes, lengths or times that no fsync has covered. */
  readonly dirty = new Map<string, number>();
  /** Names made or removed that no fsync of their directory has covered. */
  readonly loose = new Map<string, number>();
  readonly #known = new Set<string>();
  readonly #syncing = new Map<string, number>();
  #now = 0;

  apply(change: Change): void {
    this.#now += 1;
    switch (change.kind) {
      case 'dirty':
        this.dirty.set(change.path, this.#now);
        break;
      case 'sync-begins':
        this.#syncing.set(change.thread, this.#now);
        break;
      case 'sync-ends':
        this.#sync(change.path, this.#syncing.get(change.thread) ?? 0);
        break;
      case 'made':
        if (!this.#known.has(change.path)) this.loose.set(change.path, this.#now);
        this.#known.add(change.path);
        break;
      case 'gone':
        this.dirty.delete(change.path);
        this.#known.delete(change.path);
        this.loose.set(change.path, this.#now);
        break;
      case 'moved': {
        const dirty = this.dirty.get(change.path);
        if (dirty !== undefined) this.dirty.set(change.to, dirty);
        this.dirty.delete(change.path);
        this.#known.delete(change.path);
        this.#known.add(change.to);
        this.loose.set(change.path, this.#now);
        this.loose.set(change.to, this.#now);
        break;
      }
      case 'answered':
        break;
    }
  }

  /** Covers what had happened when the call was made. */
  #sync(path: string, since: number): void {
    if ((this.dirty.get(path) ?? Number.POSITIVE_INFINITY) < since) this.dirty.delete(path);
    for (const [name, at] of this.loose) {
      if (at >= since || dirname(name) !== path) continue;
      this.loose.delete(name);
      // With a directory goes what was in it.
      if (this.#known.has(name)) continue;
      for (const below of this.loose.keys()) if (below.startsWith(`${name}/`)) this.loose.delete(below);
    }
  }
}

/** Holds nothing that an answer promises: locks, and what is on its way in or out. */
const promisesNothing = /\/\.partway\/(locks|tmp|trash)(\/|$)|\/uploads\/[^/]+\/(lock|sealed|claims\/)|-shm$/;

const bucket = 'durable';

describe('a gateway on a local directory', () => {
  let deployment: Deployment;
  let gateway: RunningGateway | undefined;
  beforeEach(async () => {
    deployment = await newDeployment();
  });
  afterEach(async () => {
    await gateway?.kill();
    await removeDeployment(deployment);
  });

  const ask = async (request: RawRequest, status = 200): Promise<string> => {
    const answer = await send(gateway?.endpoint ?? '', request);
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status });
    return answer.element('UploadId') ?? answer.headers['etag'] ?? '';
  };

  it('has everything on disk that it acknowledges, in the order that makes it whole', async ({ skip }) => {
    gateway = await startGateway({ deployment });
    const tracer: Tracer | undefined = await attachStrace(gateway.pid, join(deployment.dir, 'trace'));
    if (tracer === undefined) {
      skip('strace is not installed, or may not follow a process');
      return;
    }
    await ask({ method: 'PUT', path: `/${bucket}` });
    await ask({ method: 'PUT', path: `/${bucket}/new/dirs/key`, body: Buffer.alloc(300_000, 'a') });
    await ask({ method: 'PUT', path: `/${bucket}/new/dirs/key`, body: Buffer.alloc(300_000, 'b') });
    await ask({ method: 'PUT', path: `/${bucket}/odd//key`, body: 'small' });
    const upload = async (key: string, numbers: readonly number[]): Promise<void> => {
      const path = `/${bucket}/${key}`;
      const uploadId = await ask({ method: 'POST', path, query: { uploads: '' } });
      const parts: string[] = [];
      for (const number of numbers) {
        const body = Buffer.alloc(number === numbers.at(-1) ? 1000 : 5 * 2 ** 20, String(number));
        const etag = await ask({
          method: 'PUT',
          path,
          query: { uploadId, partNumber: String(number) },
          body,
        });
        parts.push(`<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`);
      }
      const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
      await ask({ method: 'POST', path, query: { uploadId }, body });
      // What it leaves is cleared up, and that noted, behind the answer: not what the next answer promises.
      await quiet(join(deployment.dir, 'trace'));
    };
    await upload('in/place', [1, 2]);
    await upload('by/copying', [2, 5]);
    const source = { 'x-amz-copy-source': `/${bucket}/in/place` };
    await ask({ method: 'PUT', path: `/${bucket}/copied/here`, headers: source });
    const tags = '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>';
    await ask({ method: 'PUT', path: `/${bucket}/copied/here`, query: { tagging: '' }, body: tags });
    await ask({ method: 'DELETE', path: `/${bucket}/new/dirs/key` }, 204);
    await ask({ method: 'DELETE', path: `/${bucket}/odd//key` }, 204);
    await gateway.kill();

    const objects = join(deployment.dir, 'data', bucket);
    const attributes = join(deployment.dir, 'data/.partway/buckets', bucket, 'attributes');
    const keys = join(deployment.dir, 'data/.partway/buckets', bucket, 'keys');
    const within = (path: string): boolean =>
      path.startsWith(join(deployment.dir, 'data')) || path.startsWith(join(deployment.dir, 'state'));
    const disk = new Disk();
    const removed = new Set<string>();
    const uncovered: string[] = [];
    let answers = 0;
    let appeared = 0;
    let syncs = 0;
    for (const change of await tracer.changes()) {
      if (
        change.kind === 'moved' &&
        (change.to.startsWith(`${objects}/`) || change.to.startsWith(`${keys}/`))
      ) {
        appeared += 1;
        // Before an object becomes visible its bytes and what it says about itself are on disk.
        if (disk.dirty.has(change.path))
          uncovered.push(`${change.to} became visible before its bytes were on disk`);
        for (const path of [...disk.dirty.keys(), ...disk.loose.keys()])
          if (path.startsWith(`${attributes}/`) && !removed.has(path))
            uncovered.push(`${change.to} became visible before ${path} was on disk`);
      }
      disk.apply(change);
      if (change.kind === 'gone') removed.add(change.path);
      else if (change.kind === 'made') removed.delete(change.path);
      else if (change.kind === 'moved') removed.add(change.path).delete(change.to);
      if (change.kind === 'sync-ends') syncs += 1;
      if (change.kind !== 'answered') continue;
      answers += 1;
      for (const path of disk.dirty.keys())
        if (within(path) && !promisesNothing.test(path))
          uncovered.push(`answer ${answers}: bytes of ${path}`);
      for (const path of disk.loose.keys()) {
        // What is removed may come back, but for objects.
        if (removed.has(path) && !path.startsWith(`${objects}/`) && !path.startsWith(`${keys}/`)) continue;
        if (within(path) && !promisesNothing.test(path))
          uncovered.push(`answer ${answers}: the name ${path}`);
      }
    }
    expect(uncovered).toEqual([]);
    // It did see what it speaks of.
    expect({ answers, appeared }).toEqual({ answers: 16, appeared: 6 });
    expect(syncs).toBeGreaterThan(30);
  });
});

/** Until nothing was traced for two seconds: also a busy machine is done then. */
async function quiet(trace: string): Promise<void> {
  for (let size = -1; size !== statSync(trace).size; ) {
    size = statSync(trace).size;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
}

describe('what strace tells', () => {
  it('is read across threads', () => {
    const trace = [
      '10 openat(AT_FDCWD</w>, "/d/tmp/1", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 21</d/tmp/1>',
      '10 pwrite64(21</d/tmp/1>, "abc", 3, 0) = 3',
      '11 fsync(21</d/tmp/1> <unfinished ...>',
      '10 pwrite64(21</d/tmp/1>, "d", 1, 3) = 1',
      '11 <... fsync resumed>) = 0',
      '10 rename("/d/tmp/1", "/d/b/key") = 0',
      '10 write(30<socket:[77]>, "HTTP/1.1 200 OK\\r\\nContent-Length: "..., 120) = 120',
      '12 unlink("/d/none") = -1 ENOENT (No such file or directory)',
    ].join('\n');
    const disk = new Disk();
    const changes = parse(trace);
    expect(changes.map(({ kind }) => kind)).toEqual([
      ...['made', 'dirty', 'sync-begins', 'dirty', 'sync-ends', 'moved', 'answered'],
    ]);
    for (const change of changes) disk.apply(change);
    // Written while the fsync was under way: not covered.
    expect([...disk.dirty.keys()]).toEqual(['/d/b/key']);
    expect([...disk.loose.keys()]).toContain('/d/b/key');
  });
});
