/** The load generator, a process of its own: prepares every request, then sends them with N in flight and keeps time. */
import { performance } from 'node:perf_hooks';
import { type Answer, Connection, type Wire } from './connection.ts';
import type { Job, Outcome } from './jobs.ts';
import { type Form, makePayload, type Payload, randomBytes } from './payload.ts';
import { encode, sha256, signedHead } from './sigv4.ts';

const payloads = new Map<string, Payload>();

function payload(form: Form, size: number): Payload {
  const name = `${form}-${size}`;
  let made = payloads.get(name);
  if (made === undefined) {
    payloads.clear();
    made = makePayload(form, randomBytes(size));
    payloads.set(name, made);
  }
  return made;
}

function wire(
  job: Job,
  method: string,
  key: string,
  query: Readonly<Record<string, string>>,
  body: Payload | string,
): Wire {
  const path = `/${job.bucket}${key === '' ? '' : `/${key.split('/').map(encode).join('/')}`}`;
  const host = `${job.endpoint.host}:${job.endpoint.port}`;
  if (typeof body !== 'string') {
    const request = {
      method,
      host,
      path,
      query,
      headers: { ...body.headers, ...job.headers },
      payload: body.contentSha256,
    };
    const { head, seed } = signedHead(request, job.endpoint);
    return { head, body: body.frame(seed) };
  }
  const length =
    method === 'GET' || method === 'HEAD' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const headers = { ...length, ...job.headers };
  const { head } = signedHead({ method, host, path, query, headers, payload: sha256(body) }, job.endpoint);
  return { head, body: body === '' ? [] : [Buffer.from(body)], headOnly: method === 'HEAD' };
}

function prepare(job: Job): Wire[] {
  const numbers = 'count' in job ? Array.from({ length: job.count }, (_, i) => i) : [];
  switch (job.op) {
    case 'upload-part': {
      const body = payload(job.form, job.size);
      return numbers.map((i) =>
        wire(job, 'PUT', job.key, { partNumber: String(i + 1), uploadId: job.uploadId }, body),
      );
    }
    case 'put': {
      const body = payload(job.form, job.size);
      return numbers.map((i) => wire(job, 'PUT', `${job.prefix}${i}`, {}, body));
    }
    case 'get':
    case 'head':
      return numbers.map((i) => wire(job, job.op.toUpperCase(), `${job.prefix}${i % job.objects}`, {}, ''));
    case 'list':
      return job.startAfter.map((key) => ({
        ...wire(
          job,
          'GET',
          '',
          { 'list-type': '2', ...job.query, ...(key === '' ? {} : { 'start-after': key }) },
          '',
        ),
        keepBody: true,
      }));
    case 'request':
      return [{ ...wire(job, job.method, job.key, job.query, job.body), keepBody: true }];
  }
}

function fail(job: Job, answer: Answer): never {
  throw new Error(`${job.op}: the server answered ${answer.status} ${answer.body?.toString() ?? ''}`);
}

function element(body: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1];
}

async function run(job: Job): Promise<Outcome> {
  const wires = prepare(job);
  const width = Math.min(job.inFlight, wires.length);
  const { host, port } = job.endpoint;
  const connections = await Promise.all(Array.from({ length: width }, () => Connection.open(host, port)));
  const latencies: number[] = [];
  const etags: string[] = [];
  let last: Answer | undefined;
  let bytes = 0;
  let next = 0;
  const drive = async (connection: Connection): Promise<void> => {
    for (let i = next++; ; i = next++) {
      const current = wires[i];
      if (current === undefined) return;
      wires[i] = { head: current.head, body: [] };
      const started = performance.now();
      last = await connection.send(current);
      latencies.push(performance.now() - started);
      if (last.status >= 300 && job.op !== 'request') fail(job, last);
      if (job.op === 'upload-part') etags[i] = last.headers['etag'] ?? '';
      if (job.op === 'get') bytes += last.length;
      else if ('size' in job) bytes += job.size;
      if (job.op === 'list' && job.walk) {
        const token = element(last.body?.toString() ?? '', 'NextContinuationToken');
        if (token === undefined) continue;
        const query = { 'list-type': '2', ...job.query, 'continuation-token': token };
        wires.push({ ...wire(job, 'GET', '', query, ''), keepBody: true });
      }
    }
  };
  const started = performance.now();
  try {
    await Promise.all(connections.map(drive));
    return {
      seconds: (performance.now() - started) / 1000,
      bytes,
      latencies: latencies.sort((a, b) => a - b),
      etags,
      body: last?.body?.toString() ?? '',
      status: last?.status ?? 0,
    };
  } finally {
    for (const connection of connections) connection.close();
  }
}

process.on('message', (job: Job) => {
  run(job).then(
    (outcome) => process.send?.({ outcome }),
    (error: Error) => process.send?.({ error: error.stack ?? error.message }),
  );
});
process.on('disconnect', () => process.exit(0));
