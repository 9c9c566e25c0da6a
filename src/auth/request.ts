/** What authentication reads of a request, and what a signed one claims before its signature is checked. */
import type { Target } from '../http/target.ts';
import type { PayloadForm } from './payload.ts';
import type { Scope } from './sigv4.ts';

/** Values by lower-case name, repeated headers joined by `,` in order; characters are the wire's bytes (latin1). */
export interface Headers {
  get(name: string): string | undefined;
  keys(): Iterable<string>;
}

export interface RequestToAuthenticate {
  readonly method: string;
  readonly target: Pick<Target, 'path' | 'segments' | 'query' | 'accessPoint'>;
  readonly headers: Headers;
}

export interface SignedClaim {
  readonly scheme: 'header' | 'presigned';
  readonly accessKeyId: string;
  readonly scope: Scope;
  /** `20130524T000000Z` */
  readonly timestamp: string;
  /** Lower case. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly sessionToken: string | undefined;
  /** Last line of the canonical request. */
  readonly payloadHash: string;
  readonly payload: PayloadForm;
  readonly hoisted: ReadonlyMap<string, string>;
}
