/** What the load generator is told to do, and what it answers. Both cross a process boundary as they are. */
import type { Form } from './payload.ts';
import type { Credentials } from './sigv4.ts';

export interface Endpoint extends Credentials {
  readonly host: string;
  readonly port: number;
}

interface Common {
  readonly endpoint: Endpoint;
  readonly bucket: string;
  readonly inFlight: number;
  /** Sent and signed with every request; lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type Job =
  /** Parts `1 … count` of one upload, each of `size` bytes. Answers their ETags. */
  | (Common & { op: 'upload-part'; key: string; uploadId: string; form: Form; size: number; count: number })
  /** Objects `<prefix>0 … <prefix>count-1`. */
  | (Common & { op: 'put'; prefix: string; form: Form; size: number; count: number })
  /** `count` reads over the objects `<prefix>0 … <prefix>objects-1`, in turn. */
  | (Common & { op: 'get' | 'head'; prefix: string; objects: number; count: number })
  /** Pages of ListObjectsV2, one after the other; `walk` follows the continuation, else each page starts after a key. */
  | (Common & { op: 'list'; query: Record<string, string>; walk: boolean; startAfter: string[] })
  /** One request. Answers its body. */
  | (Common & { op: 'request'; method: string; key: string; query: Record<string, string>; body: string });

export interface Outcome {
  readonly seconds: number;
  /** Payload bytes that went through. */
  readonly bytes: number;
  /** Milliseconds of each request, sorted. */
  readonly latencies: readonly number[];
  readonly etags: readonly string[];
  readonly body: string;
  readonly status: number;
}
