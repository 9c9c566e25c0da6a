/** A gateway whose way to one of its services leads through a fault proxy, and what the tests of outages ask of it. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect as dial, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type GatewayOptions, type RunningGateway, startGateway } from '../kit/gateway.ts';
import { type RawAnswer, type RawRequest, send } from '../kit/raw-request.ts';
import { signedUpload } from '../kit/signed-upload.ts';
import { type FaultProxy, startFaultProxy } from './proxy.ts';

export const mib = 1024 * 1024;
export const long = process.env['PARTWAY_TEST_LONG'] === 'true';
/**
 * How soon everything has to work again once a fault is over; what went well meanwhile does not count. Five seconds are promised, and what
 * it took is printed: a machine that is busy with something else is late on calm days too, so the bound lies far from it.
 */
const recoveryMs = 30_000;
/** An answer that takes longer than this was never going to come: far beyond the deadlines that the tests configure. */
const patienceMs = 60_000;
/** What bodies of hundreds of MiB must not come near to, and what V8 takes and gives back as it likes stays below. */
const memoryBound = 96 * mib;

export interface OpenUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly part: Buffer;
  readonly etag: string;
}

export class Stand {
  readonly gateway: RunningGateway;
  readonly proxy: FaultProxy;
  readonly bucket = 'outages';
  /** What was answered 200. */
  readonly acknowledged: Map<string, Buffer>;

  constructor(gateway: RunningGateway, proxy: FaultProxy, acknowledged = new Map<string, Buffer>()) {
    this.gateway = gateway;
    this.proxy = proxy;
    this.acknowledged = acknowledged;
  }

  /** An answer in any case, and in time. */
  async call(request: RawRequest): Promise<RawAnswer> {
    const late = sleep(patienceMs, undefined, { ref: false }).then(() => {
      throw new Error(`${request.method} ${request.path}: no answer within ${patienceMs} ms`);
    });
    return Promise.race([send(this.gateway.endpoint, request), late]);
  }

  path(key: string): string {
    return `/${this.bucket}/${key}`;
  }

  async put(key: string, body: Buffer): Promise<RawAnswer> {
    const answer = await this.call({ method: 'PUT', path: this.path(key), body });
    if (answer.status === 200) {
      expect(answer.headers['etag']).toBe(`"${md5(body)}"`);
      this.acknowledged.set(key, body);
    }
    return answer;
  }

  get(key: string): Promise<RawAnswer> {
    return this.call({ method: 'GET', path: this.path(key) });
  }

  async createUpload(key: string): Promise<RawAnswer> {
    return this.call({ method: 'POST', path: this.path(key), query: { uploads: '' } });
  }

  uploadPart(uploadId: string, key: string, partNumber: number, body: Buffer): Promise<RawAnswer> {
    const query = { uploadId, partNumber: String(partNumber) };
    return this.call({ method: 'PUT', path: this.path(key), query, body });
  }

  complete({ key, uploadId }: OpenUpload, parts: readonly string[]): Promise<RawAnswer> {
    const list = parts.map((etag, index) => partElement(index + 1, etag)).join('');
    const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
    return this.call({ method: 'POST', path: this.path(key), query: { uploadId }, body });
  }

  /** Begins an upload and stores its first part; both must work. */
  async openUpload(key: string): Promise<OpenUpload> {
    const begun = await this.createUpload(key);
    expect(begun.status, begun.text).toBe(200);
    const uploadId = begun.element('UploadId') ?? '';
    const part = randomBytes(5 * mib);
    const stored = await this.uploadPart(uploadId, key, 1, part);
    expect(stored.status, stored.text).toBe(200);
    return { key, uploadId, part, etag: stored.headers['etag'] ?? '' };
  }

  /** Everything acknowledged reads back byte for byte. */
  async expectNothingLost(): Promise<void> {
    for (const [key, body] of this.acknowledged) {
      const found = await this.get(key);
      expect(found.status, `${key}: ${found.text.slice(0, 300)}`).toBe(200);
      expect(md5(found.body), key).toBe(md5(body));
    }
  }

  /** Never half an object, nor another one: after a 5xx the write may have happened or not. */
  async expectAbsentOrWhole(key: string, body: Buffer): Promise<void> {
    const found = await this.get(key);
    if (found.status === 404) return;
    expect(found.status, found.text.slice(0, 300)).toBe(200);
    expect(md5(found.body)).toBe(md5(body));
  }

  /** Ends the fault; every one of these must work soon, by itself. */
  async expectRecovery(work: readonly (() => Promise<RawAnswer>)[]): Promise<void> {
    await this.proxy.heal();
    const healed = performance.now();
    for (const attempt of work) {
      const begun = performance.now();
      for (;;) {
        const answer = await attempt();
        if (answer.status < 300) break;
        expect(answer.status, answer.text).toBe(503);
        expect(performance.now() - begun, answer.text).toBeLessThan(recoveryMs);
        await sleep(100);
      }
    }
    console.info(`recovered in ${((performance.now() - healed) / 1000).toFixed(2)} s`);
  }

  /** No 500 was logged, and the process is the one that was started. */
  expectNoFailure(): void {
    const failures = this.gateway
      .output()
      .split('\n')
      .filter((line) => /InternalError|"fatal"|unhandled/i.test(line));
    expect(failures).toEqual([]);
    process.kill(this.gateway.pid, 0);
  }

  async ready(): Promise<number> {
    const answer = await fetch(`${this.gateway.endpoint}/-/readyz`);
    await answer.arrayBuffer();
    return answer.status;
  }

  /** Resident memory of the gateway, bytes. */
  async memory(): Promise<number> {
    const status = await readFile(`/proc/${this.gateway.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  /** Memory stays within `bound` of what it was while `work` goes on. */
  async expectFlatMemory(work: Promise<unknown>, bound = memoryBound): Promise<void> {
    const before = await this.memory();
    let over = false;
    let highest = before;
    const ended = work.finally(() => {
      over = true;
    });
    while (!over) {
      highest = Math.max(highest, await this.memory());
      await sleep(100);
    }
    await ended;
    console.info(`memory grew by ${((highest - before) / mib).toFixed(0)} MiB`);
    expect(highest - before).toBeLessThan(bound);
  }

  /** Sends a signed upload as fast as it is taken. The caller destroys the socket. */
  pour(key: string, body: Buffer): Socket {
    const { port } = this.gateway;
    const socket = dial(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      signedUpload({ host: `127.0.0.1:${port}`, path: this.path(key), body, kind: 'UNSIGNED-PAYLOAD' }),
    );
    return socket;
  }

  async close(): Promise<void> {
    await this.proxy.heal();
    await this.gateway.stop();
    await this.proxy.close();
  }
}

/** @param settings of the gateway, given the port that leads to the service */
export async function startStand(
  target: () => number,
  settings: (port: number) => GatewayOptions,
  before?: (proxy: FaultProxy) => Promise<void>,
): Promise<Stand> {
  const proxy = await startFaultProxy(target);
  await before?.(proxy);
  const gateway = await startGateway(settings(proxy.port));
  const stand = new Stand(gateway, proxy);
  const made = await stand.call({ method: 'PUT', path: `/${stand.bucket}` });
  expect(made.status, made.text).toBe(200);
  return stand;
}

/** The storage or the store is away: try again later. */
export function expectOutage(answer: RawAnswer, what: string): void {
  expect(answer.status, `${what}: ${answer.text.slice(0, 500)}`).toBe(503);
  expect(Number(answer.headers['retry-after']), what).toBeGreaterThanOrEqual(1);
  if (answer.text !== '') expect(['ServiceUnavailable', 'SlowDown'], what).toContain(answer.element('Code'));
}

export function partElement(partNumber: number, etag: string): string {
  return `<Part><PartNumber>${partNumber}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part>`;
}

export function md5(data: Uint8Array): string {
  return createHash('md5').update(data).digest('hex');
}
