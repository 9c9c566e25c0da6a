/** The commands. Returns the exit status; only `src/main.ts` touches the process. */
import { type Config, ConfigError, loadConfig } from '../config.ts';
import { createScrubber } from '../log/redact.ts';
import { type Arguments, parseArguments, UsageError } from './arguments.ts';
import { helpText } from './help.ts';
import { secretsOf } from './process-log.ts';
import { version } from './version.ts';

export interface Surroundings {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Whether a person reads standard error. */
  readonly terminal: boolean;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** @returns 0 fine, 1 failed, 2 wrong usage or configuration */
export async function main(around: Surroundings): Promise<number> {
  try {
    return await run(parseArguments(around.argv), around);
  } catch (error) {
    if (error instanceof UsageError) {
      around.err(`partway: ${error.message}\nTry 'partway --help'.\n`);
      return 2;
    }
    if (error instanceof ConfigError) {
      const count = error.problems.length;
      around.err(
        `partway: ${count === 1 ? 'a problem' : `${count} problems`} in the configuration\n\n${error.message}\n`,
      );
      return 2;
    }
    throw error;
  }
}

async function run(args: Arguments, around: Surroundings): Promise<number> {
  const { about, command, config: file } = args;
  const load = (): Config => loadConfig({ ...around, file });
  switch (command) {
    case 'help':
      around.out(helpText(about));
      return 0;
    case 'version':
      around.out(`${version()}\n`);
      return 0;
    case 'credentials':
      return await printCredentials(load(), around.out);
    case 'check-config': {
      const { checkConfig } = await import('./check-config.ts');
      const config = load();
      return await checkConfig(config, withoutSecrets(config, around).out);
    }
    case 'verify': {
      const { runVerify } = await import('./verify.ts');
      const config = load();
      return await looking(withoutSecrets(config, around), (clean) => runVerify(config, args, clean));
    }
    case 'doctor': {
      const { runDoctor } = await import('./doctor.ts');
      const config = load();
      return await looking(withoutSecrets(config, around), (clean) => runDoctor(config, args, clean));
    }
    case 'serve': {
      const { serve } = await import('./serve.ts');
      return await serve(load(), load);
    }
  }
}

/** Of these commands 1 means that something was found; what breaks them is "could not look". */
async function looking(
  around: Surroundings,
  work: (around: Surroundings) => Promise<number>,
): Promise<number> {
  try {
    return await work(around);
  } catch (error) {
    if (error instanceof UsageError || error instanceof ConfigError) throw error;
    around.err(`partway failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    return 2;
  }
}

/** What a service says when it fails may hold what it was given. */
function withoutSecrets(config: Config, around: Surroundings): Surroundings {
  const scrub = createScrubber(secretsOf(config, config.credentials));
  return { ...around, out: (text) => around.out(scrub(text)), err: (text) => around.err(scrub(text)) };
}

/** The pair that `serve` uses when none is configured. */
async function printCredentials(config: Config, out: (text: string) => void): Promise<number> {
  const { generatedCredential } = await import('../config/generated.ts');
  const { credentialCommands } = await import('./banner.ts');
  const [configured] = [...config.credentials, ...config.identities.flatMap(({ keys }) => keys)];
  if (configured !== undefined) {
    throw new UsageError(
      `credentials are configured (${configured.accessKeyId} …); this command shows generated ones`,
    );
  }
  const { credential } = generatedCredential(config.stateDir);
  out(`${credentialCommands(credential, config.region).join('\n')}\n`);
  return 0;
}
