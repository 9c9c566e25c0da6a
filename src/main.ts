#!/usr/bin/env node
/** Where the process begins; the only file with side effects at import. */
import cluster from 'node:cluster';

/** As `engines` of package.json says; older ones lack `node:sqlite` and fail with words that help nobody. */
const oldestNode = 24;

const run = async (): Promise<number> => {
  if (Number.parseInt(process.versions.node, 10) < oldestNode) {
    console.error(
      `partway: needs Node.js ${oldestNode} or newer, and this is ${process.versions.node} (${process.execPath}). ` +
        'Install a newer one (https://nodejs.org) and try again.',
    );
    return 1;
  }
  if (cluster.isWorker) {
    const { runWorker } = await import('./cli/cluster.ts');
    return await runWorker();
  }
  const { main } = await import('./cli/main.ts');
  return await main({
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    terminal: process.stderr.isTTY === true,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  });
};

try {
  process.exitCode = await run();
} catch (error) {
  console.error('partway failed:', error);
  process.exitCode = 1;
}
// Connections that SDKs keep open for later would hold the process. Output to a pipe is written by now: it is synchronous.
process.exit();
