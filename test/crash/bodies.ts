/** Bodies that say of every byte which write it belongs to, so that a mixture of two shows. */

const line = 32;
const page = 4096;

/** Smallest body that can name itself. */
export const minBody = line;

/** A body of `size` bytes: its writer and size in every line, its offset in every page. */
export function makeBody(writer: number, size: number): Buffer {
  const body = Buffer.alloc(size, `${hex(writer)}:${hex(size)}:--------=====\n`, 'latin1');
  for (let at = 0; at + line <= size; at += page) body.write(hex(at), at + 18, 'latin1');
  return body;
}

/** The writers whose whole bodies, one after the other, these bytes are; or what is wrong with them. */
export function writersOf(
  data: Buffer,
): { readonly writers: readonly number[] } | { readonly problem: string } {
  const writers: number[] = [];
  for (let at = 0; at < data.length; ) {
    const head = /^([0-9a-f]{8}):([0-9a-f]{8}):/.exec(data.toString('latin1', at, at + 18));
    if (head === null) return { problem: `no body begins at byte ${at} of ${data.length}` };
    const [writer, size] = [Number.parseInt(head[1] ?? '', 16), Number.parseInt(head[2] ?? '', 16)];
    if (!data.subarray(at, at + size).equals(makeBody(writer, size)))
      return { problem: `the body of writer ${writer} at byte ${at} is not whole` };
    writers.push(writer);
    at += size;
  }
  return { writers };
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
