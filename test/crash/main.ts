/**
 * `npm run test:crash`: kills gateways, and what is behind them, while clients work; see run.ts. Two minutes over all subjects by default.
 *
 *   --minutes N      how long in all
 *   --seed N         repeats the workload of an earlier run
 *   --subject NAME   one of them only; may be given several times
 *   --rounds N       at most so many rounds for each
 */
import { parseArgs } from 'node:util';
import { crash, type Tally } from './run.ts';
import { type SubjectName, subjectNames } from './subjects.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string' },
    subject: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '1000000' },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const names = (values.subject ?? subjectNames).map((name): SubjectName => {
  const found = subjectNames.find((each) => each === name);
  if (found === undefined) throw new Error(`--subject is one of ${subjectNames.join(', ')}, not ${name}`);
  return found;
});
const eachMs = (Number(values.minutes) * 60_000) / names.length;

console.log(`crash tests: seed ${seed}, ${names.join(' ')}`);
const tallies = new Map<SubjectName, Tally>();
let failed = false;
for (const name of names) {
  let told = 0;
  try {
    const tally = await crash(name, {
      seed,
      until: Date.now() + eachMs,
      maxRounds: Number(values.rounds),
      onRound(now) {
        if (Date.now() - told < 10_000) return;
        told = Date.now();
        console.log(line(name, now));
      },
    });
    tallies.set(name, tally);
    console.log(`${line(name, tally)}; nothing was lost`);
  } catch (error) {
    failed = true;
    console.error(`FAILED ${error instanceof Error ? error.message : String(error)}`);
    console.error(
      `again: npm run test:crash -- --subject ${name} --seed ${seed} --minutes ${values.minutes}`,
    );
    if (error instanceof Error && !(error.cause instanceof Error && error.cause.name === 'Violation'))
      console.error(error.cause);
  }
}
const sum = (of: (tally: Tally) => number): number =>
  [...tallies.values()].reduce((all, each) => all + of(each), 0);
console.log(
  `crash tests: ${sum(({ kills }) => kills)} gateways killed in ${sum(({ rounds }) => rounds)} rounds, ` +
    `${sum(({ acknowledged }) => acknowledged)} writes acknowledged, ${sum(({ reads }) => reads)} reads checked, ` +
    `${failed ? 'A VIOLATION' : 'nothing lost, nothing mixed, nothing left'}`,
);
process.exitCode = failed ? 1 : 0;

function line(name: string, { acknowledged, kills, points, reads, rounds, strikes }: Tally): string {
  const struck = [...strikes].map(([what, count]) => `, ${what} struck ${count}`).join('');
  const named = [...points.values()].reduce((all, count) => all + count, 0);
  return `${name}: ${rounds} rounds, ${kills} kills (${named} at ${points.size} named instants${struck}), ${acknowledged} writes acknowledged, ${reads} reads checked`;
}
