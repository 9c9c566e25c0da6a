/**
 * Sends seeded, broken and half-broken requests in bulk to a gateway of its own and watches what becomes of it.
 *
 *   node test/fuzz/main.ts [--requests N | --seconds N] [--seed N] [--from BATCH] [--connections N]
 *
 * After each batch the gateway must be alive, what it holds must be unchanged, and its memory and descriptors must be where they were.
 * A batch depends on the seed and its number alone, so `--seed S --from B` begins with the very requests of a run that failed.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { newDeployment, removeDeployment, startGateway } from '../kit/gateway.ts';
import { type RawAnswer, send } from '../kit/raw-request.ts';
import { toChunkedWire } from './chunked.ts';
import { Dice } from './dice.ts';
import { type Draft, toWire } from './draft.ts';
import { judge } from './judge.ts';
import { mutate, spoilBytes } from './mutate.ts';
import { buckets, type Known, validDraft } from './operations.ts';
import { faultsOf, growthOf, type Kept, keptBy, mib, probed, type Vitals, vitalsOf } from './vitals.ts';
import { exchange, type Sent, type WireAnswer } from './wire.ts';

const { values: options } = parseArgs({
  options: {
    requests: { type: 'string' },
    seconds: { type: 'string', default: '45' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    connections: { type: 'string', default: '8' },
  },
});
const seed = Number(options.seed);
const wanted = options.requests === undefined ? Number.POSITIVE_INFINITY : Number(options.requests);
const seconds = options.requests === undefined ? Number(options.seconds) : Number.POSITIVE_INFINITY;
const batchSize = 4_000;
/** Until then caches fill and code is compiled: later batches keep no more than the fifth, within a few MiB. */
const warmUpBatches = 5;
/** Seldom, so that garbage gathers in between as it does in earnest. */
const batchesPerCollection = 25;

interface Item extends Sent {
  readonly action: string;
}

const known: Known = { uploads: [], etags: [] };
const outcomes = new Map<string, number>();
const count = { sent: 0, answered: 0, authenticated: 0 };
const faults: string[] = [];

const deployment = await newDeployment();
const gateway = await startGateway({
  deployment,
  env: {
    ...probed,
    PARTWAY_LOG_LEVEL: 'error',
    PARTWAY_DURABILITY: 'os',
    // Answered in time when a request owes a body that never comes.
    PARTWAY_TIMEOUTS_IDLE: '5s',
  },
});
const canary = randomBytes(100_000);
/** Ctrl-C ends the run after its batch, with the report. */
let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    stopping = true;
  });
try {
  await run();
} finally {
  await gateway.kill();
  await removeDeployment(deployment);
}
report();
process.exitCode = faults.length === 0 ? 0 : 1;

async function run(): Promise<void> {
  const host = new URL(gateway.endpoint).host;
  await must({ method: 'PUT', path: '/canary' });
  await must({ method: 'PUT', path: '/canary/canary', body: canary });
  let baseline: Vitals | undefined;
  let keptWarm: Kept | undefined;
  const started = performance.now();
  for (let batch = Number(options.from); count.answered < wanted && faults.length === 0; batch++) {
    if (stopping || (performance.now() - started) / 1000 > seconds) break;
    await prepare();
    const dice = new Dice(seed * 1_000_003 + batch);
    let left = batchSize;
    const worker = async (): Promise<void> => {
      while (left > 0 && faults.length === 0) {
        const length = Math.min(left, dice.int(1, 24));
        left -= length;
        await sendSome(host, dice, length, batch);
      }
    };
    await Promise.all(Array.from({ length: Number(options.connections) }, worker));
    await clean();
    const vitals = await settled(baseline);
    await check(batch, vitals, baseline);
    progress(batch, vitals, performance.now() - started);
    const done = batch - Number(options.from) + 1;
    if (done === warmUpBatches) {
      baseline = vitals;
      keptWarm = await kept(batch);
    } else if (keptWarm !== undefined && done % batchesPerCollection === 0) await kept(batch, keptWarm);
  }
  if (keptWarm === undefined) console.log(`memory is compared from batch ${warmUpBatches} on: too few`);
  else if (faults.length === 0) await kept('the last', keptWarm);
}

async function sendSome(host: string, dice: Dice, length: number, batch: number): Promise<void> {
  const items: Item[] = [];
  while (items.length < length) {
    const item = nextItem(dice, host);
    items.push(item);
    if (item.last) break;
  }
  count.sent += items.length;
  const { answers, complaint } = await exchange(gateway.port, items);
  for (const [index, answer] of answers.entries()) {
    const item = items[index];
    if (item === undefined) continue;
    count.answered += 1;
    const { authenticated, fault, outcome } = judge(answer, item.method);
    if (authenticated) count.authenticated += 1;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (fault !== undefined)
      fail(`${fault} (${answer.status} ${answer.body.toString('utf8', 0, 500)})`, item, batch);
    learn(item, answer);
  }
  const blamed = items[answers.length];
  if (complaint !== undefined && blamed !== undefined && !blamed.last) fail(complaint, blamed, batch);
}

function nextItem(dice: Dice, host: string): Item {
  const draft = validDraft(dice, known);
  const way = dice.int(0, 99);
  if (way >= 25 && way < 80) mutate(draft, dice);
  if (way >= 80 && way < 88) draft.auth = 'query';
  if (way === 88 || way === 89) draft.auth = dice.pick(['none', 'wrong'] as const);
  const isUpload = draft.action === 'PutObject' || draft.action === 'UploadPart';
  if (isUpload && dice.chance(0.3)) {
    const broken = dice.chance(0.5);
    return item(draft, toChunkedWire(draft, host, dice, broken), broken);
  }
  const bytes = toWire(draft, host);
  if (way === 90) return item(draft, spoilBytes(bytes, dice), true);
  if (way === 91) return item(draft, spoilHead(bytes, dice), true);
  return item(draft, bytes, mayOweBody(draft));
}

function item(draft: Draft, bytes: Buffer, last: boolean): Item {
  return { action: draft.action, method: draft.method, bytes, last };
}

/** Framing that the gateway takes in another way than we mean it, or cannot take at all. */
function mayOweBody({ headers, method }: Draft): boolean {
  return (
    headers.some(([name]) => ['expect', 'x-amz-decoded-content-length', 'te'].includes(name)) ||
    // No header line ("field-vchar"): what follows is not read.
    headers.some(([, value]) => /[^\t\x20-\x7e\x80-\xff]/.test(value)) ||
    !['GET', 'PUT', 'POST', 'HEAD', 'DELETE', 'OPTIONS'].includes(method)
  );
}

/** Forms of requests that are no requests, or two. */
function spoilHead(bytes: Buffer, dice: Dice): Buffer {
  const at = bytes.indexOf('\r\n') + 2;
  const line = dice.pick([
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: gzip, chunked\r\n',
    'Transfer-Encoding : chunked\r\n',
    'Content-Length: 5\r\n',
    'Content-Length: 0\r\n',
    'Content-Length: +1\r\n',
    'Content-Length: 99999999999999999999\r\n',
    ' folded: yes\r\n',
    'Host: other\r\n',
    'X: \0\r\n',
    ': empty\r\n',
    'Connection: upgrade\r\nUpgrade: h2c\r\n',
    `X-Long: ${'x'.repeat(70_000)}\r\n`,
    'Expect: 100-continue\r\n',
    'Bare: lf\n',
    '\r\n',
  ]);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(line, 'latin1'), bytes.subarray(at)]);
}

function learn({ action }: Item, { body, headers, status }: WireAnswer): void {
  if (status !== 200) return;
  const tag = headers.get('etag');
  if (tag !== undefined) keep(known.etags, tag, 50);
  if (action !== 'CreateMultipartUpload') return;
  const element = (name: string): string | undefined =>
    new RegExp(`<${name}>([^<]+)</${name}>`).exec(body.toString('utf8'))?.[1];
  const uploadId = element('UploadId');
  const bucket = element('Bucket');
  const key = element('Key');
  if (uploadId !== undefined && bucket !== undefined && key !== undefined)
    keep(known.uploads, { bucket, key: unescapeXml(key), uploadId }, 60);
}

function unescapeXml(text: string): string {
  return text
    .replaceAll(/&#x([0-9a-f]+);/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replaceAll(/&#(\d+);/g, (_, number: string) => String.fromCodePoint(Number(number)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}

function keep<T>(list: T[], value: T, most: number): void {
  list.push(value);
  if (list.length > most) list.shift();
}

function fail(what: string, { action, bytes }: Item, batch: number): void {
  faults.push(
    [
      `${what}`,
      `  seed ${seed}, batch ${batch} (run again with --seed ${seed} --from ${batch}), ${action}:`,
      `  ${JSON.stringify(bytes.subarray(0, 3000).toString('latin1'))}`,
    ].join('\n'),
  );
}

async function must(request: Parameters<typeof send>[1]): Promise<RawAnswer> {
  const answer = await send(gateway.endpoint, request);
  if (answer.status >= 300)
    throw new Error(`${request.method} ${request.path}: ${answer.status} ${answer.text}`);
  return answer;
}

/** What a batch may have deleted is made again. A bucket that holds something stays. */
async function prepare(): Promise<void> {
  for (const bucket of buckets) {
    await must({ method: 'PUT', path: `/${bucket}` });
    await must({ method: 'PUT', path: `/${bucket}/keeper` });
  }
}

/** Ends the uploads of a batch, so that the last batch finds what the first found. */
async function clean(): Promise<void> {
  known.uploads.length = 0;
  const deadline = Date.now() + 60_000;
  for (const bucket of buckets) {
    for (;;) {
      const listed = await must({
        method: 'GET',
        path: `/${bucket}`,
        query: { uploads: '', 'encoding-type': 'url' },
      });
      const found = [...listed.text.matchAll(/<Upload><Key>([^<]*)<\/Key><UploadId>([^<]*)<\/UploadId>/g)];
      if (found.length === 0) break;
      await Promise.all(
        found.map(async ([, key = '', uploadId = '']) => {
          const path = pathOf(bucket, key);
          const answer = await send(gateway.endpoint, { method: 'DELETE', path, query: { uploadId } });
          // 503: a client that has left had asked for its Complete, which goes on.
          if (answer.status === 503 && Date.now() < deadline) await sleep(100);
          else if (answer.status !== 204 && answer.status !== 404)
            throw new Error(`an upload cannot be ended: ${answer.status} ${answer.text}`);
        }),
      );
    }
  }
}

/** Deletes what the batches left: attributes of objects are cached, and each batch leaves some more of them. */
async function empty(): Promise<void> {
  const { text } = await must({ method: 'GET', path: '/' });
  const all = [...text.matchAll(/<Name>(fuzz-[^<]*)<\/Name>/g)].map(([, name = '']) => name);
  for (const bucket of all) {
    for (;;) {
      const query = { 'list-type': '2', 'encoding-type': 'url', 'max-keys': '100' };
      const listed = await must({ method: 'GET', path: `/${bucket}`, query });
      const found = [...listed.text.matchAll(/<Key>([^<]*)<\/Key>/g)];
      if (found.length === 0) break;
      await Promise.all(found.map(([, key = '']) => must({ method: 'DELETE', path: pathOf(bucket, key) })));
    }
  }
}

/** Of a key as listings with `encoding-type=url` have it: encoded, but for the space. */
function pathOf(bucket: string, key: string): string {
  return `/${bucket}/${key.replaceAll('+', '%20')}`;
}

/** Connections take a moment to close. */
async function settled(baseline: Vitals | undefined): Promise<Vitals> {
  for (let attempt = 0; ; attempt++) {
    const vitals = await vitalsOf(gateway);
    if (faultsOf(vitals, baseline).length === 0 || attempt === 40) return vitals;
    await sleep(250);
  }
}

/** What stays when all objects are deleted and all garbage is collected. Bodies that never come end by their time limit, and may hold memory until then. */
async function kept(batch: number | string, baseline?: Kept): Promise<Kept> {
  await empty();
  for (let attempt = 0; ; attempt++) {
    const now = await keptBy(gateway);
    const growth = baseline === undefined ? [] : growthOf(now, baseline);
    if (growth.length > 0 && attempt < 10) {
      await sleep(1_000);
      continue;
    }
    faults.push(...growth.map((each) => `${each} after batch ${batch} of seed ${seed}`));
    console.log(`kept without garbage: ${mib(now.live)} MiB live, ${mib(now.rss)} MiB resident`);
    return now;
  }
}

async function check(batch: number, vitals: Vitals, baseline: Vitals | undefined): Promise<void> {
  const where = `after batch ${batch} of seed ${seed}`;
  const answer = await send(gateway.endpoint, { method: 'GET', path: '/canary/canary' });
  if (answer.status !== 200 || !answer.body.equals(canary))
    faults.push(`the canary has changed ${where}: ${answer.status}`);
  const listed = await send(gateway.endpoint, { method: 'GET', path: '/canary' });
  if (listed.text.match(/<Key>/g)?.length !== 1)
    faults.push(`the canary is not alone ${where}: ${listed.text}`);
  faults.push(...faultsOf(vitals, baseline).map((each) => `${each} ${where}`));
  if (/InternalError|ERR_INVALID_STATE|"fatal"|unhandled/i.test(gateway.output()))
    faults.push(`the log tells of a failure ${where}`);
}

function progress(batch: number, { descriptors, memory }: Vitals, elapsedMs: number): void {
  const rate = Math.round(count.answered / (elapsedMs / 1000));
  console.log(
    `batch ${batch}: ${count.answered} answered of ${count.sent} sent, ${rate}/s, ${mib(memory)} MiB, ${descriptors} descriptors`,
  );
}

function report(): void {
  const share = ((100 * count.authenticated) / Math.max(1, count.answered)).toFixed(1);
  const sorted = [...outcomes].sort(([, a], [, b]) => b - a);
  console.log(sorted.map(([outcome, times]) => `${outcome} ${times}`).join(', '));
  console.log(
    `${count.answered} requests answered (${count.sent} sent), ${share} % past authentication, seed ${seed}, ${faults.length} faults`,
  );
  for (const fault of faults.slice(0, 10)) console.error(`\n${fault}`);
  const log = gateway.output();
  if (faults.length > 0 && log !== '') console.error(`\nThe gateway's log:\n${log.slice(-6000)}`);
}
