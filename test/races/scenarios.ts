/** What is let loose at the same time, and who may win. */
import type { Record } from './client.ts';
import type { Event, Request } from './model.ts';

export interface Scenario {
  readonly name: string;
  /** Of the conditional writers exactly one must win: the figure that is to be reached over many rounds. */
  readonly oneWinner?: boolean;
  /** Sets the stage. Resolves to what runs at once. */
  prepare(record: Record, random: () => number): Promise<readonly Request[]>;
  /** What is wrong with the answers of what ran at once, beyond there being no order that explains them. */
  judge?(events: readonly Event[]): string | undefined;
}

const get: Request = { kind: 'get' };
const abort: Request = { kind: 'abort' };
const remove: Request = { kind: 'delete' };

function exactlyOne(...kinds: readonly Request['kind'][]) {
  return (events: readonly Event[]): string | undefined => {
    const won = events.filter(({ outcome, request }) => outcome === 'ok' && kinds.includes(request.kind));
    return won.length === 1 ? undefined : `${won.length} of the writers won, not one`;
  };
}

/** An upload with parts 1 and 2, of which a Complete names one: both are small. */
async function begun(record: Record): Promise<{ readonly one: Request; readonly two: Request }> {
  await record.createUpload();
  const [first, second] = [record.part(1), record.part(2)];
  await record.one(first);
  await record.one(second);
  return {
    one: { kind: 'complete', parts: [[1, first.value]] },
    two: { kind: 'complete', parts: [[2, second.value]] },
  };
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'PUT If-None-Match against PUT If-None-Match',
    oneWinner: true,
    async prepare(record) {
      return [record.put({ absent: true }), record.put({ absent: true }), get];
    },
    judge: exactlyOne('put'),
  },
  {
    name: 'PUT If-Match against PUT If-Match',
    oneWinner: true,
    async prepare(record) {
      const before = record.put();
      await record.one(before);
      const holds = 'value' in before ? before.value : '';
      return [record.put({ holds }), record.put({ holds }), get];
    },
    judge: exactlyOne('put'),
  },
  {
    name: 'Complete If-None-Match against PUT If-None-Match',
    oneWinner: true,
    async prepare(record) {
      const { one } = await begun(record);
      return [{ ...one, condition: { absent: true } } as Request, record.put({ absent: true }), get];
    },
    judge: exactlyOne('put', 'complete'),
  },
  {
    name: 'UploadPart of one number, four times',
    async prepare(record) {
      await record.createUpload();
      return [record.part(1), record.part(1), record.part(1), record.part(1)];
    },
  },
  {
    name: 'UploadPart against Complete',
    async prepare(record) {
      const { one } = await begun(record);
      return [record.part(1), one, get, record.part(3)];
    },
  },
  {
    name: 'UploadPart against Abort',
    async prepare(record) {
      await begun(record);
      return [record.part(1), abort, record.part(3)];
    },
  },
  {
    name: 'Complete, four times the same',
    async prepare(record) {
      const { one } = await begun(record);
      return [one, one, one, one, get];
    },
    judge: (events) =>
      events.every(({ outcome, request }) => request.kind !== 'complete' || outcome === 'ok')
        ? undefined
        : 'a Complete that was sent again is refused',
  },
  {
    name: 'Complete with different parts',
    async prepare(record) {
      const { one, two } = await begun(record);
      return [one, two, one, two, get];
    },
  },
  {
    name: 'Complete against PutObject',
    async prepare(record) {
      const { one } = await begun(record);
      return [one, record.put(), get, record.put(), get];
    },
  },
  {
    name: 'Complete against DeleteObject',
    async prepare(record) {
      const { one } = await begun(record);
      await record.one(record.put());
      return [one, remove, get, remove, get];
    },
  },
  {
    name: 'Complete against Abort',
    async prepare(record) {
      const { one } = await begun(record);
      return [one, abort, get];
    },
    judge: exactlyOne('complete', 'abort'),
  },
  {
    name: 'Abort against Abort',
    async prepare(record) {
      await begun(record);
      return [abort, abort, abort];
    },
    judge: exactlyOne('abort'),
  },
  {
    name: 'anything against anything',
    async prepare(record, random) {
      const { one, two } = await begun(record);
      const all = [
        one,
        two,
        abort,
        remove,
        get,
        get,
        record.put(),
        record.put({ absent: true }),
        record.part(1),
        record.part(2),
      ];
      return all.filter(() => random() < 0.6);
    },
  },
];
