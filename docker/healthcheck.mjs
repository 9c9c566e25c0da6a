/** Docker's health check: exit status 0 when the gateway in this container answers on /-/healthz. */
import * as http from 'node:http';
import * as https from 'node:https';

const { hostname, port } = new URL(`http://${process.env.PARTWAY_LISTEN}`);

/** Only whether it answers is asked, so the certificate need not be one for the loopback address. */
const answers = ({ get }) =>
  new Promise((resolve) => {
    const options = {
      host: hostname.replace(/^\[|\]$/g, ''),
      port,
      path: '/-/healthz',
      timeout: 4_000,
      rejectUnauthorized: false,
    };
    const request = get(options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });

process.exit((await answers(http)) || (await answers(https)) ? 0 : 1);
