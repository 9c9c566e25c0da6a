/** Several worker processes over one root. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileLock } from '../../../adapters/local/lock.ts';
import { expectKind, list, put, read } from '../contract/kit.ts';
import { makeRoot } from './kit.ts';
import type { Order } from './racer.ts';

const root = await makeRoot();
const adapter = root.adapter();
const bucket = 'processes';

class Worker {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    const script = join(import.meta.dirname, 'racer.ts');
    this.process = spawn(process.execPath, [script, root.path], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async obey(order: Order): Promise<string> {
    this.process.stdin.write(`${JSON.stringify(order)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the worker ended');
    return JSON.parse(value) as string;
  }

  async end(signal?: NodeJS.Signals): Promise<void> {
    const gone =
      this.process.exitCode === null && this.process.signalCode === null
        ? once(this.process, 'exit')
        : undefined;
    if (signal !== undefined) this.process.kill(signal);
    else this.process.stdin.end();
    await gone;
  }
}

const workers: Worker[] = [];

describe('worker processes', () => {
  beforeAll(async () => {
    await adapter.createBucket({ bucket });
    workers.push(new Worker(), new Worker(), new Worker());
    const ready = await Promise.all(
      workers.map((worker, i) => worker.obey({ do: 'put', bucket, key: `ready-${i}`, data: 'x' })),
    );
    expect(ready).toEqual(['done', 'done', 'done']);
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.end()));
  });

  it.each(['key', 'dir/key', 'odd//key'])('let one of them create %s, every time', async (name) => {
    for (let round = 0; round < 25; round++) {
      const key = `${name}-${round}`;
      const answers = await Promise.all(
        workers.map((worker, i) =>
          worker.obey({ do: 'put', bucket, key, data: `worker ${i}`, condition: { absent: true } }),
        ),
      );
      expect([...answers].sort()).toEqual(['PreconditionFailed', 'PreconditionFailed', 'done']);
      expect(String(await read(adapter, bucket, key))).toBe(`worker ${answers.indexOf('done')}`);
    }
  });

  it('let one of them replace a state, every time, beside one that does not ask', async () => {
    for (let round = 0; round < 25; round++) {
      const { version } = await put(adapter, bucket, 'replaced', 'start');
      const [first, second, unasked] = await Promise.all(
        workers.map((worker, i) =>
          worker.obey({
            do: 'put',
            bucket,
            key: 'replaced',
            data: `worker ${i}`,
            ...(i < 2 ? { condition: { version } } : {}),
          }),
        ),
      );
      expect(unasked).toBe('done');
      expect([first, second]).toContain('PreconditionFailed');
      // Whoever asks for the state that was there before cannot come after the one who replaced it.
      expect(String(await read(adapter, bucket, 'replaced'))).toBe('worker 2');
    }
  });

  it('lose no count that they keep by conditional writes', async () => {
    for (const key of ['counter', 'odd//counter']) {
      await put(adapter, bucket, key, '0');
      const answers = await Promise.all(
        workers.map((worker) => worker.obey({ do: 'count', bucket, key, times: 30 })),
      );
      expect(answers).toEqual(['done', 'done', 'done']);
      expect(String(await read(adapter, bucket, key))).toBe('90');
    }
  });

  it('write beside what others remove, and read what they wrote', async () => {
    const answers = await Promise.all(
      workers.map((worker, i) => worker.obey({ do: 'churn', bucket, name: `w${i}`, times: 25 })),
    );
    expect(answers).toEqual(['done', 'done', 'done']);
    expect(await list(adapter, bucket, { prefix: 'deep/' })).toEqual([]);
  });

  it('put no object into a bucket that is removed, or keep the bucket', async () => {
    for (let round = 0; round < 10; round++) {
      const each = `removed-${round}`;
      await adapter.createBucket({ bucket: each });
      const [removal, ...puts] = await Promise.all([
        adapter.deleteBucket({ bucket: each }).then(
          () => 'done',
          (error: { kind: string }) => error.kind,
        ),
        ...workers.map((worker, i) =>
          worker.obey({ do: 'put', bucket: each, key: i === 0 ? 'odd//key' : `dir/${i}`, data: 'x' }),
        ),
      ]);
      if (removal === 'done') {
        expect(puts).toEqual(['NoSuchBucket', 'NoSuchBucket', 'NoSuchBucket']);
        await expectKind(adapter.headBucket({ bucket: each }), 'NoSuchBucket');
      } else {
        expect(removal).toBe('BucketNotEmpty');
        expect(await list(adapter, each)).toHaveLength(puts.filter((answer) => answer === 'done').length);
      }
    }
  });
});

describe('a lock', () => {
  const path = join(root.path, 'lock-of-its-own');

  it('is held by one at a time, and released by the kernel when its holder is killed', async () => {
    const holder = new Worker();
    expect(await holder.obey({ do: 'lock', path })).toBe('done');
    const lock = new FileLock(path);
    let held = false;
    const acquiring = lock.acquire().then((release) => {
      held = true;
      return release;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(held).toBe(false);
    await holder.end('SIGKILL');
    (await acquiring)();
    lock.close();
  });

  it('is kept from others of the same process too', async () => {
    const [one, two] = [new FileLock(path), new FileLock(path)];
    const release = await one.acquire();
    let held = false;
    const acquiring = two.acquire().then((second) => {
      held = true;
      second();
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(held).toBe(false);
    release();
    await acquiring;
    one.close();
    two.close();
  });
});
