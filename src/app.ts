/** The gateway as a Hono app: one route for everything, since paths are the clients' own. */
import { Hono } from 'hono';
import { createAuthenticator } from './auth/authenticate.ts';
import type { CredentialSource } from './auth/credentials.ts';
import { createFormAuthenticator } from './auth/post-signature.ts';
import { isFlushed } from './http/flushed.ts';
import { createHostReader } from './http/hosts.ts';
import { createDispatcher } from './s3/dispatch.ts';
import type { Gateway } from './s3/operation.ts';
import { createShares } from './s3/shares.ts';
import { operations } from './s3/table.ts';
import type { RequestEnv } from './server/env.ts';

export interface AppOptions {
  readonly gateway: Gateway;
  readonly credentials: CredentialSource;
  /** Regions that a signature may name besides the gateway's own. */
  readonly acceptRegions?: readonly string[];
  /** Domains whose sub-domains are buckets. */
  readonly baseDomains?: readonly string[];
  /** Requests under way for one identity; more are answered SlowDown. Default: no limit. */
  readonly maxRequestsPerIdentity?: number | undefined;
  /** Addresses and ranges of proxies whose `X-Forwarded-*` are believed. */
  readonly trustedProxies?: readonly string[];
}

export function createApp(options: AppOptions): Hono<{ Bindings: RequestEnv }> {
  const { gateway } = options;
  const authentication = {
    credentials: options.credentials,
    region: gateway.settings.region,
    acceptRegions: options.acceptRegions ?? [],
  };
  const dispatch = createDispatcher({
    gateway,
    operations,
    hosts: createHostReader({
      domains: options.baseDomains ?? [],
      regions: [gateway.settings.region, ...(options.acceptRegions ?? [])],
      accessPoints: gateway.settings.accessPoints,
    }),
    trustedProxies: options.trustedProxies ?? [],
    shares: createShares(options.maxRequestsPerIdentity),
    authenticate: createAuthenticator(authentication),
    authenticateForm: createFormAuthenticator(authentication),
  });

  const app = new Hono<{ Bindings: RequestEnv }>();
  app.all('*', (c) => {
    const { incoming, notes, outgoing } = c.env;
    const gone = new AbortController();
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) gone.abort(new Error('the client closed the connection'));
    });
    return dispatch({
      incoming,
      secure: 'encrypted' in incoming.socket,
      signal: gone.signal,
      whenOver: (then) => outgoing.once('close', then),
      isFlushed: () => isFlushed(outgoing),
      continue: c.env.continue,
      notes,
      log: gateway.log,
    });
  });
  return app;
}
