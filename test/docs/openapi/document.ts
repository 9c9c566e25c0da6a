/** docs/openapi.yaml, made of the table of operations and of what the files beside this one say of each action. */
import type { Operation } from '../../../src/s3/operation.ts';
import { refusals } from '../../../src/s3/ops/refusals.ts';
import { operations } from '../../../src/s3/table.ts';
import { bucketActions } from './buckets.ts';
import { schemas } from './components.ts';
import { multipartActions } from './multipart.ts';
import { objectActions } from './objects.ts';
import {
  type Answer,
  type Description,
  nothing,
  optional,
  type Parameter,
  type Parameters,
  record,
  ref,
  type Schema,
  text,
} from './schema.ts';
import { settledActions } from './settled.ts';

export const descriptions: Readonly<Record<string, Description>> = {
  ...bucketActions,
  ...settledActions,
  ...objectActions,
  ...multipartActions,
};

/** Those that answer something else than 501. */
export const implemented: readonly Operation[] = operations.filter(
  (operation) => !refusals.includes(operation),
);

export function openApiDocument(): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of implemented) {
    const description = descriptions[operation.action];
    if (description === undefined) continue;
    const path = pathOf(operation);
    paths[path] ??= {};
    paths[path][operation.route.method.toLowerCase()] = operationObject(operation, description);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Partway',
      version: '1',
      summary: "Amazon S3's API, answered in JSON",
      description:
        'Requests are those of Amazon S3. Answers are as described here if the request prefers `Accept: application/json`, see json.md; else they are XML. ' +
        'Actions that share a path and a verb are told apart by a parameter, which the fragment of their path names; a fragment is never sent.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:9000' }],
    security: [{ header: [] }, { query: [] }],
    paths,
    components: {
      securitySchemes: {
        header: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description: 'AWS Signature Version 4.',
        },
        query: { type: 'apiKey', in: 'query', name: 'X-Amz-Signature', description: 'A presigned URL.' },
      },
      parameters: {
        Bucket: { name: 'Bucket', in: 'path', required: true, schema: { type: 'string' } },
        Key: {
          name: 'Key',
          in: 'path',
          required: true,
          description: 'Percent-encoded, its slashes too or not.',
          schema: { type: 'string' },
        },
        ExpectedOwner: {
          name: 'x-amz-expected-bucket-owner',
          in: 'header',
          schema: { type: 'string', pattern: '^[0-9]{12}$' },
        },
        ...plainParameters(),
      },
      responses: {
        Nothing: jsonResponse(record({})),
        Error: {
          description: 'Why not.',
          content: { 'application/json': { schema: ref('Failure') } },
        },
      },
      schemas,
    },
  };
}

/** `/{Bucket}/{Key}#uploadId&x-amz-copy-source` */
export function pathOf({ route }: Operation): string {
  const { copy, needs, on, sub } = route;
  const path = { service: '/', bucket: '/{Bucket}', object: '/{Bucket}/{Key}' }[on];
  const marks = [sub, needs, copy === true ? 'x-amz-copy-source' : undefined].filter(
    (mark) => mark !== undefined,
  );
  return marks.length === 0 ? path : `${path}#${marks.join('&')}`;
}

function operationObject(operation: Operation, description: Description): Schema {
  const { action, body, permission, route } = operation;
  const { on, sub } = route;
  const { answer, query = {}, headers = {} } = description;
  const document = description.body;
  return {
    operationId: action,
    summary: description.summary,
    'x-permission': permission,
    parameters: [
      ...(on === 'service' ? [] : [{ $ref: '#/components/parameters/Bucket' }]),
      ...(on === 'object' ? [{ $ref: '#/components/parameters/Key' }] : []),
      ...(sub === undefined ? [] : [subParameter(sub)]),
      ...parameterObjects('query', query),
      ...(on === 'service' ? [] : [{ $ref: '#/components/parameters/ExpectedOwner' }]),
      ...(body === 'document' ? parameterObjects('header', optional('Content-MD5')) : []),
      ...parameterObjects('header', headers),
    ],
    ...(document !== undefined && {
      requestBody: {
        required: true,
        content: {
          [document.type]: {
            schema: document.schema ?? { type: 'string' },
            ...(document.example !== '' && { example: document.example }),
          },
        },
      },
    }),
    responses: { ...responseOf(answer), default: { $ref: '#/components/responses/Error' } },
  };
}

/** Those of any text are described once, among the components. */
function parameterObjects(place: 'header' | 'query', parameters: Parameters): Schema[] {
  return Object.entries(parameters).map(([name, parameter]) =>
    isPlain(parameter)
      ? { $ref: `#/components/parameters/${place}.${name}` }
      : { name, in: place, ...parameter },
  );
}

function isPlain({ example, required, schema }: Parameter): boolean {
  return schema === text && required === undefined && example === undefined;
}

function plainParameters(): Schema {
  const plain: Record<string, Schema> = {};
  const add = (place: 'header' | 'query', parameters: Parameters = {}): void => {
    for (const [name, parameter] of Object.entries(parameters)) {
      if (isPlain(parameter)) plain[`${place}.${name}`] = { name, in: place, schema: text };
    }
  };
  for (const { action } of implemented) {
    add('query', descriptions[action]?.query);
    add('header', descriptions[action]?.headers);
  }
  add('header', optional('Content-MD5'));
  return Object.fromEntries(Object.entries(plain).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** The parameter that names the action: most have no value. */
function subParameter(name: string): Schema {
  const base = { name, in: 'query', required: true };
  if (name === 'uploadId') return { ...base, schema: { type: 'string' } };
  if (name === 'list-type') return { ...base, schema: { const: '2' } };
  return { ...base, allowEmptyValue: true, schema: { const: '' } };
}

function responseOf(answer: Answer): Schema {
  if ('error' in answer) return {};
  if (answer === nothing) return { 200: { $ref: '#/components/responses/Nothing' } };
  if ('empty' in answer) return { [answer.empty]: { description: 'Done. There is no body.' } };
  if ('bytes' in answer) {
    return { 200: { description: 'As it was stored.', content: { [answer.bytes]: { schema: {} } } } };
  }
  return { [answer.status ?? 200]: jsonResponse(answer.data) };
}

function jsonResponse(data: Schema): Schema {
  const schema = record({ success: { const: true }, data });
  return { description: 'Done.', content: { 'application/json': { schema } } };
}
