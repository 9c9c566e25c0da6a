import { createCipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { discardBytes } from '../../http/slabs.ts';
import {
  cipherName,
  magic,
  type RunIdentity,
  runKey,
  saltSize,
  segmentNonce,
  segmentSize,
  tagSize,
} from './format.ts';

/**
 * One run, as {@link import('./sealer.ts').seal} makes it, of bytes whose number is known only at their end: the nonce of a segment says
 * whether it is the last, so a segment is held until there is more.
 */
export async function* sealUnsized(
  plain: AsyncIterable<Buffer>,
  baseKey: Buffer,
  identity: RunIdentity,
): AsyncGenerator<Buffer, void, undefined> {
  const salt = randomBytes(saltSize);
  const key = createSecretKey(runKey(baseKey, salt, identity));
  let index = 0;
  const sealed = (segment: readonly Buffer[], isLast: boolean): Buffer => {
    const cipher = createCipheriv(cipherName, key, segmentNonce(index, isLast), { authTagLength: tagSize });
    index += 1;
    const bytes = segment.map((chunk) => cipher.update(chunk));
    const whole = Buffer.concat([...bytes, cipher.final(), cipher.getAuthTag()]);
    for (const piece of bytes) discardBytes(piece);
    return whole;
  };

  yield Buffer.concat([magic, salt]);
  let held: Buffer[] = [];
  let room = segmentSize;
  for await (const chunk of plain) {
    for (let at = 0; at < chunk.length; ) {
      if (room === 0) {
        yield sealed(held, false);
        held = [];
        room = segmentSize;
      }
      const piece = chunk.subarray(at, at + room);
      at += piece.length;
      room -= piece.length;
      held.push(piece);
    }
  }
  yield sealed(held, true);
}
