/**
 * Loaded into a gateway before its own code (`--import`): kills the process, or stops it (CRASH_SIGNAL=SIGSTOP), right before or right after the
 * rename that publishes the object whose path ends in CRASH_KEY. The file system is the real one.
 */
import fs from 'node:fs/promises';

const { CRASH_AT: at, CRASH_KEY: key, CRASH_SIGNAL: signal = 'SIGKILL' } = process.env;
const rename = fs.rename.bind(fs);

if (key !== undefined) {
  fs.rename = async (from, to) => {
    const isIt = String(to).endsWith(key);
    if (isIt && at === 'before') process.kill(process.pid, signal);
    await rename(from, to);
    if (isIt && at === 'after') process.kill(process.pid, signal);
  };
}
