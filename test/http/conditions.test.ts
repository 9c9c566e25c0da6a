import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  judgeCopySource,
  judgeReadConditions,
  readConditions,
  readCopySourceConditions,
  readWritePrecondition,
} from '../../src/http/conditions.ts';
import { S3Error } from '../../src/s3/errors.ts';

const modified = Date.UTC(2026, 0, 15, 12, 0, 0) + 789;
const now = Date.UTC(2026, 5, 1);
const object = { etag: 'abc', lastModified: new Date(modified) };
const http = (time: number) => new Date(time).toUTCString();
const second = 1000;

/** Each condition absent, holding or failing; the dates also malformed. */
const choices = {
  'if-match': { absent: undefined, holds: '"abc"', fails: '"other"' },
  'if-none-match': { absent: undefined, holds: '"other"', fails: '"abc"' },
  'if-modified-since': {
    absent: undefined,
    holds: http(modified - 10 * second),
    fails: http(modified),
    ignored: 'yesterday',
  },
  'if-unmodified-since': {
    absent: undefined,
    holds: http(modified),
    fails: http(modified - 10 * second),
    ignored: 'yesterday',
  },
} as const;

/** RFC 9110, section 13.2.2, step by step. */
function rfc(match: string, noneMatch: string, since: string, unmodified: string): string {
  if (match === 'fails') return 'precondition-failed If-Match';
  if (match === 'absent' && unmodified === 'fails') return 'precondition-failed If-Unmodified-Since';
  if (noneMatch === 'fails') return 'not-modified If-None-Match';
  if (noneMatch === 'absent' && since === 'fails') return 'not-modified If-Modified-Since';
  return 'ok';
}

const combinations = Object.keys(choices['if-match']).flatMap((match) =>
  Object.keys(choices['if-none-match']).flatMap((noneMatch) =>
    Object.keys(choices['if-modified-since']).flatMap((since) =>
      Object.keys(choices['if-unmodified-since']).map((unmodified) => ({
        match,
        noneMatch,
        since,
        unmodified,
      })),
    ),
  ),
);

function headersFor(prefix: string, chosen: (typeof combinations)[number]): Map<string, string> {
  const headers = new Map<string, string>();
  const add = (name: keyof typeof choices, choice: string) => {
    const value = (choices[name] as Record<string, string | undefined>)[choice];
    if (value !== undefined) headers.set(prefix + name, value);
  };
  add('if-match', chosen.match);
  add('if-none-match', chosen.noneMatch);
  add('if-modified-since', chosen.since);
  add('if-unmodified-since', chosen.unmodified);
  return headers;
}

describe('reads', () => {
  it(`follow the order of the RFC in all ${combinations.length} combinations`, () => {
    expect(combinations).toHaveLength(144);
    for (const chosen of combinations) {
      const verdict = judgeReadConditions(readConditions(headersFor('', chosen)), object, now);
      const got = verdict.outcome === 'ok' ? 'ok' : `${verdict.outcome} ${verdict.condition}`;
      expect({ ...chosen, got }).toEqual({
        ...chosen,
        got: rfc(chosen.match, chosen.noneMatch, chosen.since, chosen.unmodified),
      });
    }
  });

  const judge = (name: string, value: string, at = now) =>
    judgeReadConditions(readConditions(new Map([[name, value]])), object, at).outcome;

  it.each([
    ['if-match', '*', 'ok'],
    ['if-match', 'abc', 'ok'],
    ['if-match', '"x", "abc"', 'ok'],
    ['if-match', 'x,abc', 'ok'],
    ['if-match', 'W/"abc"', 'ok'],
    ['if-match', 'W/"x"', 'precondition-failed'],
    ['if-match', '', 'precondition-failed'],
    ['if-match', '"ABC"', 'precondition-failed'],
    ['if-none-match', '*', 'not-modified'],
    ['if-none-match', 'abc', 'not-modified'],
    ['if-none-match', 'W/"abc"', 'not-modified'],
    ['if-none-match', '"x" , "y"', 'ok'],
    ['if-none-match', '', 'ok'],
  ])('%s: %s is %s', (name, value, expected) => {
    expect(judge(name, value)).toBe(expected);
  });

  it('compares whole seconds', () => {
    expect(judge('if-modified-since', http(modified))).toBe('not-modified');
    expect(judge('if-modified-since', http(modified - second))).toBe('ok');
    expect(judge('if-unmodified-since', http(modified))).toBe('ok');
    expect(judge('if-unmodified-since', http(modified - second))).toBe('precondition-failed');
  });

  it('ignores an If-Modified-Since in the future', () => {
    expect(judge('if-modified-since', http(now + second))).toBe('ok');
    expect(judge('if-modified-since', http(now))).toBe('not-modified');
  });

  it.each(['Thu, 15 Jan 2026 12:00:00 GMT', 'Thursday, 15-Jan-26 12:00:00 GMT', 'Thu Jan 15 12:00:00 2026'])(
    'reads the date %s',
    (date) => {
      expect(judge('if-modified-since', date)).toBe('not-modified');
    },
  );
});

describe('copies', () => {
  it('fail where a read would have nothing new to say, and name the condition', () => {
    for (const chosen of combinations) {
      const conditions = readCopySourceConditions(headersFor('x-amz-copy-source-', chosen));
      const verdict = rfc(chosen.match, chosen.noneMatch, chosen.since, chosen.unmodified);
      expect(judgeCopySource(conditions, object, now)).toBe(
        verdict === 'ok' ? undefined : `x-amz-copy-source-${verdict.split(' ')[1]}`,
      );
    }
  });

  it('take no notice of conditions on the target', () => {
    expect(readCopySourceConditions(new Map([['if-match', '"x"']]))).toEqual({});
  });
});

describe('writes', () => {
  const read = (headers: Record<string, string>) => readWritePrecondition(new Map(Object.entries(headers)));

  it.each([
    [{}, undefined],
    [{ 'if-none-match': '*' }, { kind: 'if-none-match' }],
    [{ 'if-match': '"abc"' }, { kind: 'if-match', etag: 'abc' }],
    [{ 'if-match': ' abc-3 ' }, { kind: 'if-match', etag: 'abc-3' }],
  ])('%j', (headers, expected) => {
    expect(read(headers)).toEqual(expected);
  });

  const notAccepted = (header: string) =>
    `We don't accept the provided value of ${header} header for this API`;

  it.each([
    [{ 'if-none-match': '"abc"' }, 'If-None-Match', notAccepted('If-None-Match')],
    [{ 'if-none-match': '' }, 'If-None-Match', notAccepted('If-None-Match')],
    [{ 'if-match': '*' }, 'If-Match', notAccepted('If-Match')],
    [{ 'if-match': '"*"' }, 'If-Match', notAccepted('If-Match')],
    [
      { 'if-match': '"abc"', 'if-none-match': '*' },
      'If-Match,If-None-Match',
      'Multiple conditional request headers present in the request',
    ],
  ])('%j is not implemented', (headers, Header, additionalMessage) => {
    expect(() => read(headers as unknown as Record<string, string>)).toThrow(
      expect.objectContaining({
        code: 'NotImplemented',
        message: 'A header you provided implies functionality that is not implemented',
        extra: { Header, additionalMessage },
      }),
    );
  });
});

it('throws nothing but S3Error, whatever the headers', () => {
  const name = fc.constantFrom('if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since');
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string({ unit: 'binary' }))), (entries) => {
      const headers = new Map(entries);
      judgeReadConditions(readConditions(headers), object, now);
      try {
        readWritePrecondition(headers);
      } catch (error) {
        expect(error).toBeInstanceOf(S3Error);
      }
    }),
  );
});
