/**
 * The thread that writes to the embedded store. The changes of one message share a transaction, hence an fsync: what arrives
 * while one is being committed is committed together next.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { describeFailure } from './errors.ts';
import type { Change, Reply, ToWriter } from './protocol.ts';
import { type DatabaseOptions, openDatabase } from './schema.ts';
import { prepareTransitions, type Transitions } from './transitions.ts';

interface Writer {
  readonly database: DatabaseSync;
  readonly transitions: Transitions;
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly rollback: StatementSync;
  readonly savepoint: StatementSync;
  readonly undo: StatementSync;
  readonly keep: StatementSync;
}

const port = parentPort;
if (port === null) throw new Error('the writer runs in a worker thread');
const options = workerData as DatabaseOptions;
let writer: Writer | undefined;

port.on('message', (message: ToWriter) => {
  if (message === 'close') {
    writer?.database.close();
    port.close();
    return;
  }
  port.postMessage(apply(message.changes));
});

function apply(changes: readonly Change[]): readonly Reply[] {
  try {
    writer ??= open();
    return commit(writer, changes);
  } catch (error) {
    if (writer?.database.isTransaction === true) writer.rollback.run();
    const failure = describeFailure(error);
    return changes.map(() => ({ failure }));
  }
}

function open(): Writer {
  const database = openDatabase(options);
  return {
    database,
    transitions: prepareTransitions(database),
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    rollback: database.prepare('ROLLBACK'),
    savepoint: database.prepare('SAVEPOINT change'),
    undo: database.prepare('ROLLBACK TO change'),
    keep: database.prepare('RELEASE change'),
  };
}

function commit(writer: Writer, changes: readonly Change[]): readonly Reply[] {
  writer.begin.run();
  const replies = changes.map((change) => applyOne(writer, change));
  writer.commit.run();
  return replies;
}

/** A change that fails is undone alone, unless SQLite had to give up the whole transaction. */
function applyOne(writer: Writer, { argument, deadline, name }: Change): Reply {
  if (Date.now() > deadline) return { late: true };
  writer.savepoint.run();
  try {
    const transition = writer.transitions[name] as (argument: unknown) => unknown;
    const value = transition(argument);
    writer.keep.run();
    return { value };
  } catch (error) {
    if (!writer.database.isTransaction) throw error;
    writer.undo.run();
    writer.keep.run();
    return { failure: describeFailure(error) };
  }
}
