/** Clients that do what no client should, and a gateway for them. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'vitest';
import { type Stand, startStand } from '../faults/kit.ts';
import { credentials } from '../kit/gateway.ts';
import { signedUpload } from '../kit/signed-upload.ts';

export { long, md5, mib } from '../faults/kit.ts';

/** A gateway over a local directory, with a bucket. */
export function startTarget(env: Readonly<Record<string, string>> = {}): Promise<Stand> {
  return startStand(
    () => 1,
    () => ({ env: { PARTWAY_DURABILITY: 'os', PARTWAY_LOG_LEVEL: 'warn', ...env } }),
  );
}

export async function open(stand: Stand): Promise<Socket> {
  const socket = connect(stand.gateway.port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Everything that comes until the gateway closes, as latin1. */
export async function everything(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!socket.destroyed) await once(socket, 'close').catch(() => {});
  return Buffer.concat(chunks).toString('latin1');
}

/** Head and body of a signed PUT, apart. */
export function signedPut(
  stand: Stand,
  key: string,
  body: Buffer,
  query = '',
): { head: Buffer; body: Buffer } {
  const host = `127.0.0.1:${stand.gateway.port}`;
  const bytes = signedUpload({ host, path: stand.path(key), query, body, kind: 'UNSIGNED-PAYLOAD' });
  const end = bytes.indexOf('\r\n\r\n') + 4;
  return { head: bytes.subarray(0, end), body: bytes.subarray(end) };
}

/** The gateway does its work as if nothing were. */
export async function expectService(stand: Stand): Promise<void> {
  const body = Buffer.from(`alive ${credentials.accessKeyId}`);
  expect((await stand.put('alive', body)).status).toBe(200);
  expect((await stand.get('alive')).body.equals(body)).toBe(true);
}
