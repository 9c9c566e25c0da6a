/** A server that tests talk to, started by the set-up on a free loopback port and ended by it. */
export interface Service {
  /** Where tests find it: environment variables for the test processes. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Why a service could not be had, and what the person can do about it. */
export interface Unavailable {
  readonly unavailable: string;
}

export type StartService = () => Promise<Service | Unavailable>;
