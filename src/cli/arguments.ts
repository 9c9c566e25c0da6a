/** The command line. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { suggestion } from '../config/problems.ts';

export const commands = [
  'serve',
  'verify',
  'doctor',
  'check-config',
  'credentials',
  'help',
  'version',
] as const;
export type Command = (typeof commands)[number];

export interface Arguments {
  readonly command: Command;
  /** Set when it is the help of this command that is wanted. */
  readonly about?: Command;
  readonly config: string | undefined;
  /** Words after the command. */
  readonly operands: readonly string[];
  /** Options of the command itself, as they were written. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const common = {
  config: { type: 'string', short: 'c' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const satisfies ParseArgsOptionsConfig;

interface Grammar {
  readonly operands: number;
  readonly options: ParseArgsOptionsConfig;
}

const plain: Grammar = { operands: 0, options: {} };
const grammars: Readonly<Record<Command, Grammar>> = {
  serve: plain,
  verify: {
    operands: 1,
    options: {
      concurrency: { type: 'string' },
      report: { type: 'string' },
      resume: { type: 'string' },
    },
  },
  doctor: {
    operands: 0,
    options: {
      fix: { type: 'boolean' },
      'older-than': { type: 'string' },
      report: { type: 'string' },
    },
  },
  'check-config': plain,
  credentials: plain,
  help: { operands: 1, options: {} },
  version: plain,
};

/** @throws UsageError */
export function parseArguments(argv: readonly string[]): Arguments {
  // What is an option of a command is known once the command is; until then all of them are.
  const every = Object.assign({}, ...Object.values(grammars).map(({ options }) => options));
  const [name = 'serve'] = parse(argv, every).positionals;
  const command = commandNamed(name);
  const grammar = grammars[command];
  const { positionals, values } = parse(argv, grammar.options);
  const { config, help, version, ...options } = values;
  const parsed = { command, operands: positionals.slice(1), options, config: asText(config) };
  if (help === true) return { ...parsed, command: 'help', about: command };
  if (version === true) return { ...parsed, command: 'version' };
  const tooMany = parsed.operands[grammar.operands];
  if (tooMany !== undefined) throw new UsageError(`'${tooMany}' is one word too many`);
  if (command === 'help' && parsed.operands[0] !== undefined)
    return { ...parsed, about: commandNamed(parsed.operands[0]) };
  return parsed;
}

function commandNamed(name: string): Command {
  const command = commands.find((each) => each === name);
  if (command === undefined)
    throw new UsageError(`there is no command '${name}': ${suggestion(name, commands)}`);
  return command;
}

function asText(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

interface Parsed {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
}

function parse(argv: readonly string[], options: ParseArgsOptionsConfig): Parsed {
  try {
    const { positionals, values } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { ...options, ...common },
    });
    return { positionals, values: values as Parsed['values'] };
  } catch (error) {
    // Node says well what is wrong, and then how to pass it as a word, which is of no use here.
    throw new UsageError(
      error instanceof Error ? (error.message.split('. To specify')[0] ?? '') : String(error),
    );
  }
}
