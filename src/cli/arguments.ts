/** The command line. */
import { parseArgs } from 'node:util';
import { suggestion } from '../config/problems.ts';
import { environmentName, settings } from '../config/settings.ts';

export const commands = ['serve', 'check-config', 'credentials', 'help', 'version'] as const;
export type Command = (typeof commands)[number];

export interface Arguments {
  readonly command: Command;
  readonly config: string | undefined;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError */
export function parseArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  if (values.help === true) return { command: 'help', config: undefined };
  if (values.version === true) return { command: 'version', config: undefined };
  const [name = 'serve', ...rest] = positionals;
  const command = commands.find((each) => each === name);
  if (command === undefined)
    throw new UsageError(`there is no command '${name}': ${suggestion(name, commands)}`);
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is one word too many`);
  return { command, config: values.config };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
  } catch (error) {
    // Node says well what is wrong, and then how to pass it as a word, which is of no use here.
    throw new UsageError(
      error instanceof Error ? (error.message.split('. To specify')[0] ?? '') : String(error),
    );
  }
}

export function helpText(): string {
  const names = Object.entries(settings).map(([key, { default: initial, summary }]) => {
    const shown = initial === undefined || initial === '' ? '' : ` [${initial}]`;
    return `  ${environmentName(key)}${shown}\n      ${summary.replaceAll('`', '')}`;
  });
  return `partway: an S3 gateway for a local directory, Azure block blobs and Google Cloud Storage

Usage: partway [command] [options]

  serve            serve S3 (the default)
  check-config     look the configuration over, ask the backends, report every problem
  credentials      print the generated key pair as shell commands:  eval "$(partway credentials)"

  -c, --config FILE   configuration file [partway.yaml, if there is one]
  -h, --help
  -v, --version

Exit status: 0 fine, 1 failed, 2 wrong usage or configuration.

Settings, by environment or in the file (docs/configuration.md); the environment wins. Secrets can be put in a file
that is named by the same variable with _FILE at its end.

${names.join('\n')}
`;
}
