import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { Document, isPair, isScalar, parse, visit } from 'yaml';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { type RawAnswer, send } from '../kit/raw-request.ts';
import { asksJson, Caller } from './openapi/calls.ts';
import { descriptions, implemented, openApiDocument, pathOf } from './openapi/document.ts';

const page = new URL('../../docs/openapi.yaml', import.meta.url);
const head =
  '# Made of the table of operations and of test/docs/openapi: change those, then `npx vitest run test/docs/openapi.test.ts -u`.\n';

describe('docs/openapi.yaml', () => {
  // `npx vitest run test/docs/openapi.test.ts -u` brings it up to date.
  it('is in step with the table of operations', async () => {
    const document = new Document(openApiDocument(), { aliasDuplicateObjects: false });
    // Small things on one line.
    visit(document, {
      Collection(_, node) {
        const scalar = (item: unknown): boolean => isScalar(item) || (isPair(item) && isScalar(item.value));
        if (node.items.length <= 4 && node.items.every(scalar)) node.flow = true;
      },
    });
    await expect(head + document.toString({ lineWidth: 130 })).toMatchFileSnapshot(page.pathname);
  });

  it('describes every operation, and no other', () => {
    const actions = implemented.map(({ action }) => action);
    const missing = actions.filter((action) => descriptions[action] === undefined);
    expect(
      missing,
      'describe these in test/docs/openapi: what they take, and `data` of their answer',
    ).toEqual([]);
    expect(Object.keys(descriptions).filter((action) => !actions.includes(action))).toEqual([]);
  });

  it('is valid OpenAPI 3.1', async () => {
    const { errors, valid } = await new Validator().validate(readFileSync(page, 'utf8'));
    expect([valid, errors]).toEqual([true, undefined]);
  });
});

interface Media {
  readonly schema: object;
}
interface Described {
  readonly responses: Readonly<Record<string, DescribedAnswer>>;
}
interface DescribedAnswer {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, Media>>;
}

/** As a reader finds it. */
const written = parse(readFileSync(page, 'utf8'));
const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));

/** What is wrong with an answer, by the description of its status. */
function faults(described: Described, answer: RawAnswer): unknown {
  const { $ref, content: own } = described.responses[answer.status] ?? written.components.responses.Error;
  const content: DescribedAnswer['content'] =
    $ref === undefined
      ? own
      : written.components.responses[$ref.replace('#/components/responses/', '')].content;
  if (content?.['*/*'] !== undefined) return undefined;
  const type = answer.headers['content-type'];
  if (content === undefined) return answer.text === '' ? undefined : `a body: ${answer.text}`;
  if (type === undefined || content[type] === undefined) return `${type}: ${answer.text}`;
  if (type !== 'application/json') return undefined;
  const validate = ajv.compile({ ...content[type].schema, components: written.components });
  return validate(JSON.parse(answer.text)) ? undefined : [answer.text, validate.errors];
}

describe('answers are as described', () => {
  let gateway: RunningGateway;
  let caller: Caller;
  beforeAll(async () => {
    gateway = await startGateway();
    caller = new Caller(gateway.endpoint);
  });
  afterAll(() => gateway.stop());

  const cases = implemented.filter(({ action }) => descriptions[action] !== undefined);

  it.each(cases.map((operation) => [operation.action, operation] as const))(
    '%s',
    async (action, operation) => {
      const described: Described = written.paths[pathOf(operation)][operation.route.method.toLowerCase()];
      const answer = await caller.call(operation);
      expect(faults(described, answer)).toBeUndefined();
      const wanted = descriptions[action]?.answer;
      if (wanted !== undefined && 'error' in wanted) {
        expect(JSON.parse(answer.text).error.s3_code).toBe(wanted.error);
      } else {
        expect(Object.keys(described.responses), answer.text).toContain(String(answer.status));
      }
    },
  );

  it.each(cases.map((operation) => [operation.action, operation] as const))(
    '%s refused',
    async (_, operation) => {
      const described: Described = written.paths[pathOf(operation)][operation.route.method.toLowerCase()];
      const { method, on } = operation.route;
      const path = { service: '/', bucket: '/no-such', object: '/no-such/key' }[on];
      const answer = await send(gateway.endpoint, { method, path, headers: asksJson, payloadHash: 'wrong' });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      if (method === 'HEAD') expect(answer.text).toBe('');
      else expect(faults(described, answer)).toBeUndefined();
    },
  );
});

test('an answer that is not as described is found out', () => {
  const described: Described = written.paths['/{Bucket}/{Key}#uploads'].post;
  const answer = (body: object) =>
    faults(described, {
      status: 200,
      headers: { 'content-type': 'application/json' },
      text: JSON.stringify(body),
    } as unknown as RawAnswer);
  const data = { bucket: 'b', key: 'k', upload_id: 'u' };
  expect(answer({ success: true, data })).toBeUndefined();
  expect(answer({ success: true, data: { ...data, more: 1 } })).toBeDefined();
  expect(answer({ success: true, data: { bucket: 'b', key: 'k' } })).toBeDefined();
  expect(answer({ success: 'true', data })).toBeDefined();
});
