/**
 * Memory for bytes on their way through. What the socket reads comes in pieces of 64 KiB at most, each in memory of its own that only the
 * garbage collector gives back, and it lets tens of megabytes pile up first: copied into few large pieces that are used again, the bytes cost
 * a third less.
 */

/** Enough for one write. */
export const slabBytes = 256 * 1024;

/** Kept for the next body, in all. */
const maxFree = 64;
const free: ArrayBuffer[] = [];

/** Of {@link slabBytes}, holding whatever. */
export function takeSlab(): Buffer {
  return Buffer.from(free.pop() ?? Buffer.allocUnsafeSlow(slabBytes).buffer);
}

/** For slabs, whole or in part, that nobody has a use for any more. One that is not given back is garbage. */
export function giveSlab({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === slabBytes && free.length < maxFree) {
    free.push(buffer);
  }
}

/** Frees the memory of bytes that nobody has a use for any more, unless it holds others too. They cannot be read after that. */
export function discardBytes(bytes: Buffer): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) buffer.transfer(0);
}
