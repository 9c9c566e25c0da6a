/** What the server hands to the application beside the request. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the application knows of a request and the access log wants to tell. Filled on the way. */
export interface AccessNotes {
  requestId?: string;
  /** S3 action: `UploadPart`. */
  operation?: string;
  /** Whose key it was signed with. */
  identity?: string;
  accessKeyId?: string;
  /** S3 error code of a refused request. */
  error?: string;
}

export interface RequestEnv {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /**
   * To be called at the first read of the body: a client that asked (`Expect: 100-continue`) is told to send it. Any number of
   * calls. A request that is answered without it costs no bytes, and its connection is closed.
   */
  readonly continue: () => void;
  readonly notes: AccessNotes;
}

/** The application: a Hono app, or anything with its `fetch`. */
export interface App {
  fetch(request: Request, env: RequestEnv): Response | Promise<Response>;
}
