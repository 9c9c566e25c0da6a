/** A local gateway that serves HTTP and HTTPS from one process, so that bodies of both share its memory. Prints both ports; ends with its input. */
import { readFileSync } from 'node:fs';
import { createGateway, createLogger, createServer, loadConfig } from '../../src/index.ts';
import { credentials } from '../kit/gateway.ts';

const [dir = '', certFile = '', keyFile = ''] = process.argv.slice(2);
const env = { PARTWAY_BACKEND: 'local', PARTWAY_FS_ROOT: `${dir}/data`, PARTWAY_STATE_DIR: `${dir}/state` };
const config = loadConfig({ env, cwd: dir, file: undefined });
const log = createLogger({ level: 'warn', format: 'json', secrets: [] });
const gateway = await createGateway(config, [credentials], log);
const doors = [undefined, { cert: readFileSync(certFile), key: readFileSync(keyFile) }].map((tls) =>
  createServer({
    app: gateway,
    log,
    tls,
    listen: { host: '127.0.0.1', port: 0 },
    ready: () => gateway.ready(),
    baseDomains: [],
    limits: config.limits,
    timeouts: config.timeouts,
  }),
);
const addresses = await Promise.all(doors.map((door) => door.listen()));
console.log(addresses.map(({ port }) => port).join(' '));
process.stdin.resume().once('end', async () => {
  await Promise.all(doors.map((door) => door.drain(1_000)));
  await gateway.close();
  process.exit();
});
