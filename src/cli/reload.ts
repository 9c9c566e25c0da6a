/** SIGHUP: who may do what is read again, while requests go on. A configuration that is not sound changes nothing. */
import { ConfigError } from '../config.ts';
import type { Admission } from '../identities.ts';
import { type ProcessLog, secretsOfAdmission } from './process-log.ts';

export interface Reloads {
  /** From now on what was read goes there; at once, if there was a signal before. */
  deliver(to: (admission: Admission) => void): void;
}

/** @param read throws ConfigError */
export function listenForReload(read: () => Admission, log: ProcessLog): Reloads {
  let latest: Admission | undefined;
  let deliver: ((admission: Admission) => void) | undefined;

  process.on('SIGHUP', () => {
    try {
      latest = read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      log.error('the configuration is not sound: identities and certificate stay as they were', {
        problems: error.problems,
      });
      return;
    }
    log.hide(secretsOfAdmission(latest));
    deliver?.(latest);
    log.info('identities were read again', {
      identities: latest.identities.length,
      keys: latest.credentials.length + latest.identities.flatMap(({ keys }) => keys).length,
    });
  });

  return {
    deliver(to) {
      deliver = to;
      if (latest !== undefined) to(latest);
    },
  };
}
