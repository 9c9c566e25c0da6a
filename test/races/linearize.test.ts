import { expect, it } from 'vitest';
import { linearize } from './linearize.ts';
import { type Event, initial, type Outcome, type Request, step } from './model.ts';

const event = (start: number, end: number, request: Request, outcome: Outcome, shown?: string): Event => ({
  text: '',
  start,
  end,
  request,
  outcome,
  ...(shown !== undefined && { shown }),
});
const put = (value: string): Request => ({ kind: 'put', value });
const create = (value: string): Request => ({ kind: 'put', value, condition: { absent: true } });
const get: Request = { kind: 'get' };
const explained = (...events: Event[]): boolean => linearize(initial, events, step) !== undefined;

it('finds an order of concurrent writes and reads', () => {
  expect(
    explained(event(1, 4, put('a'), 'ok'), event(2, 3, get, 'NoSuchKey'), event(5, 6, get, 'ok', 'a')),
  ).toBe(true);
  expect(
    explained(
      event(1, 9, put('a'), 'ok'),
      event(1, 9, put('b'), 'ok'),
      event(2, 3, get, 'ok', 'b'),
      event(4, 5, get, 'ok', 'a'),
    ),
  ).toBe(true);
});

it('finds none for a lost write, a stale read, a read that goes back', () => {
  expect(explained(event(1, 2, put('a'), 'ok'), event(3, 4, get, 'NoSuchKey'))).toBe(false);
  expect(
    explained(event(1, 2, put('a'), 'ok'), event(3, 4, put('b'), 'ok'), event(5, 6, get, 'ok', 'a')),
  ).toBe(false);
  expect(
    explained(event(1, 9, put('a'), 'ok'), event(2, 3, get, 'ok', 'a'), event(4, 5, get, 'NoSuchKey')),
  ).toBe(false);
});

it('lets one of two creators win', () => {
  expect(explained(event(1, 9, create('a'), 'ok'), event(1, 9, create('b'), 'PreconditionFailed'))).toBe(
    true,
  );
  expect(explained(event(1, 9, create('a'), 'ok'), event(1, 9, create('b'), 'ok'))).toBe(false);
  expect(explained(event(1, 9, create('a'), 'PreconditionFailed'))).toBe(false);
});

it('takes an operation without an answer for one that may or may not have happened', () => {
  const lost = event(1, Number.POSITIVE_INFINITY, put('a'), 'unknown');
  expect(explained(lost, event(2, 3, get, 'NoSuchKey'), event(4, 5, get, 'ok', 'a'))).toBe(true);
  expect(explained(lost, event(2, 3, get, 'ok', 'a'), event(4, 5, get, 'NoSuchKey'))).toBe(false);
});

it('ends an upload once', () => {
  const part = event(1, 2, { kind: 'part', number: 1, value: 'p' }, 'ok');
  const complete: Request = { kind: 'complete', parts: [[1, 'p']] };
  const abort: Request = { kind: 'abort' };
  expect(
    explained(
      part,
      event(3, 9, complete, 'ok'),
      event(3, 9, complete, 'ok'),
      event(3, 9, abort, 'NoSuchUpload'),
    ),
  ).toBe(true);
  expect(explained(part, event(3, 9, complete, 'ok'), event(3, 9, abort, 'ok'))).toBe(false);
  expect(explained(part, event(3, 9, abort, 'ok'), event(3, 9, abort, 'ok'))).toBe(false);
  const late: Request = { kind: 'part', number: 1, value: 'q' };
  expect(explained(part, event(3, 4, complete, 'ok'), event(5, 6, late, 'ok'))).toBe(false);
  expect(explained(part, event(3, 9, late, 'ok'), event(3, 9, complete, 'InvalidPart'))).toBe(true);
  expect(explained(part, event(3, 9, late, 'NoSuchUpload'), event(3, 9, complete, 'InvalidPart'))).toBe(
    false,
  );
});
