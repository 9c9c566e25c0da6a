/** What `--help` says, of Partway and of the commands that have options of their own. */
import { environmentName, settings } from '../config/settings.ts';
import type { Command } from './arguments.ts';

export function helpText(about: Command | undefined): string {
  if (about === 'verify') return verifyHelp;
  if (about === 'doctor') return doctorHelp;
  return generalHelp();
}

const verifyHelp = `partway verify: read objects again and compare them with what was stored

Usage: partway verify [BUCKET[/PREFIX]] [options]

Reads every object (all buckets, one, or the keys that begin with a prefix) straight from the backend and compares its size, its
ETag and its checksum, in the whole and by parts. Objects under AES256 are decrypted. Of objects under a key of a customer
(SSE-C), size and layout are compared; of files that another program wrote, that they can be read. The gateway may go on
serving meanwhile.

      --resume FILE      keep in FILE how far it has come, and go on from there if FILE exists; removed at the end
      --report FILE      also write the result as JSON
      --concurrency N    objects read at once [16]
  -c, --config FILE      the gateway's own configuration [partway.yaml, if there is one]

Exit status: 0 all is as it was stored, 1 something is damaged, 2 something could not be checked.
`;

const doctorHelp = `partway doctor: find what crashes and lost state left behind, and clean it up

Usage: partway doctor [options]

Looks for staged bytes of uploads that the upload store does not know, temporary bytes, descriptions of objects whose data is gone or
was replaced, uploads that ended and were not cleaned up, and open uploads whose bytes or bucket are gone. Only reports, unless
told to mend. Nothing younger than the age limit is touched, and never an object or an open upload whose bytes are there.
The gateway may go on serving meanwhile.

      --fix              remove what nobody can need any more, and end uploads that can never complete
      --older-than AGE   leave alone what is younger, at least 1h [PARTWAY_UPLOADS_MAX_AGE]
      --report FILE      also write the result as JSON
  -c, --config FILE      the gateway's own configuration [partway.yaml, if there is one]

Exit status: 0 nothing is wrong, or all of it was mended; 1 something is left to do; 2 something could not be looked at.
`;

function generalHelp(): string {
  const names = Object.entries(settings).map(([key, { default: initial, summary }]) => {
    const shown = initial === undefined || initial === '' ? '' : ` [${initial}]`;
    return `  ${environmentName(key)}${shown}\n      ${summary.replaceAll('`', '')}`;
  });
  return `partway: an S3 gateway for a local directory, Azure block blobs and Google Cloud Storage

Usage: partway [command] [options]

  serve            serve S3 (the default)
  verify           read objects again and compare them with what was stored:  partway verify --help
  doctor           find what crashes left behind, and clean it up:  partway doctor --help
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
