/** The body of a request as operations use it: an object's bytes as a verified stream, or a small document. */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { Authentication } from '../auth/authenticate.ts';
import { ChunkedDecoder } from '../auth/aws-chunked.ts';
import { hasNoBody, parseDecodedLength } from '../auth/payload.ts';
import { hasTrailer } from '../auth/trailer.ts';
import { drain, IncomingBody, type IncomingBodyOptions, readSmallBody } from '../http/body.ts';
import type { Headers } from '../http/headers.ts';
import type { ChecksumAlgorithm } from './checksums/algorithms.ts';
import type { Digests } from './checksums/digest-set.ts';
import { type ChecksumPlan, planChecksums } from './checksums/plan.ts';
import { S3Error } from './errors.ts';
import type { RequestContext } from './operation.ts';

/** Largest object of one request, and largest part ("Amazon S3 multipart upload limits"). */
export const maxBodySize = 5 * 1024 * 1024 * 1024;

/** What is known of a body once it has ended. */
export interface BodyDigests {
  /** Hex. */
  readonly md5: string;
  /** Base64, of every algorithm that was computed. */
  readonly checksums: Readonly<Partial<Record<ChecksumAlgorithm, string>>>;
  /** The one that an object written by this body has: what the client sent, else the default. */
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly value: string };
  /** The algorithm that the client sent a value of. */
  readonly sent?: ChecksumAlgorithm;
}

export interface OpenBody {
  readonly stream: Readable;
  /** Valid once the stream has ended. */
  readonly digests: () => BodyDigests;
}

export interface RequestBodyOptions {
  readonly incoming: IncomingMessage;
  readonly headers: Headers;
  readonly auth: Authentication;
  readonly onFirstRead: () => void;
}

/** What is read of a refused body so that the client sees the answer and the connection lives on. */
const drainLimits = { maxBytes: 32 * 1024 * 1024, timeoutMs: 5_000 };

export class RequestBody {
  readonly #options: RequestBodyOptions;
  #plan: ChecksumPlan | undefined;
  #asked = false;

  constructor(options: RequestBodyOptions) {
    this.#options = options;
  }

  /** Whether the client sent anything that the body is verified by. */
  hasIntegrity(): boolean {
    const plan = this.#checksums();
    return plan.contentMd5 !== undefined || plan.checksum !== undefined;
  }

  /** The algorithm of the checksum that comes with the body. */
  checksumAlgorithm(): ChecksumAlgorithm | undefined {
    return this.#checksums().checksum?.algorithm;
  }

  /** Decoded bytes that are to come. NotImplemented or MissingContentLength if nobody says how many, EntityTooLarge above 5 GiB. */
  objectSize(): number {
    const size = this.#decodedSize();
    // S3 takes `Transfer-Encoding: chunked` around aws-chunked only ("AWS chunked uploads").
    if (size === undefined && this.#options.headers.has('transfer-encoding')) {
      throw new S3Error('NotImplemented', { extra: { Header: 'Transfer-Encoding' } });
    }
    if (size === undefined) throw new S3Error('MissingContentLength');
    if (size > maxBodySize) {
      throw new S3Error('EntityTooLarge', { extra: { ProposedSize: size, MaxSizeAllowed: maxBodySize } });
    }
    return size;
  }

  /** Opens the stream of an object's bytes. `always` is computed whatever the client sent, `otherwise` when it sent no checksum. */
  open(wanted: {
    readonly always?: ChecksumAlgorithm | undefined;
    readonly otherwise?: ChecksumAlgorithm | undefined;
    readonly contentMd5As?: 'hex';
  }): OpenBody {
    const plan = this.#checksums();
    const sent = plan.checksum?.algorithm;
    const computed = new Set<ChecksumAlgorithm>();
    if (sent !== undefined) computed.add(sent);
    else if (wanted.otherwise !== undefined) computed.add(wanted.otherwise);
    if (wanted.always !== undefined) computed.add(wanted.always);
    const body = new IncomingBody(this.#options.incoming, {
      ...this.#bodyOptions(),
      digests: [...computed],
      ...(wanted.contentMd5As !== undefined && { contentMd5As: wanted.contentMd5As }),
    });
    return { stream: body, digests: () => digestsOf(body.result(), computed, sent) };
  }

  /**
   * Reads a document. MaxMessageLengthExceeded above `maxBytes`. The checksum headers of CompleteMultipartUpload are the `object`'s, not
   * the document's.
   */
  async read(maxBytes: number, checksumsOf: 'document' | 'object' = 'document'): Promise<Buffer> {
    if (checksumsOf === 'object')
      this.#plan = planChecksums(this.#withoutChecksums(), this.#options.auth.payload);
    return readSmallBody(this.#options.incoming, { ...this.#bodyOptions(), maxBytes });
  }

  /**
   * Before the answer goes out: `true` when nothing of this request is left on the connection. A client that waits for
   * `100 Continue` was never told to send: whether it does is its choice, so its connection ends with the answer.
   */
  settle(): Promise<boolean> {
    const { headers, incoming } = this.#options;
    if (incoming.complete && incoming.readableEnded) return Promise.resolve(true);
    if (hasNoBody(headers)) return Promise.resolve(true);
    if (!this.#asked && headers.has('expect')) return Promise.resolve(false);
    return drain(incoming, drainLimits);
  }

  #bodyOptions(): IncomingBodyOptions {
    const { auth, onFirstRead } = this.#options;
    const { payload } = auth;
    const size = this.#decodedSize();
    const streaming = payload.kind === 'streaming-signed' || payload.kind === 'streaming-unsigned-trailer';
    return {
      size,
      plan: this.#checksums(),
      ...(payload.kind === 'sha256' && { sha256: payload.hex }),
      ...(streaming && {
        decoder: new ChunkedDecoder({
          decodedLength: size ?? 0,
          trailer: hasTrailer(payload),
          ...(payload.kind === 'streaming-signed' && auth.kind === 'signed' && { signing: auth.signing }),
        }),
      }),
      onFirstRead: () => {
        this.#asked = true;
        onFirstRead();
      },
    };
  }

  #withoutChecksums(): Headers {
    const { headers } = this.#options;
    return new Map(
      [...headers].filter(
        ([name]) => !name.startsWith('x-amz-checksum-') && name !== 'x-amz-sdk-checksum-algorithm',
      ),
    );
  }

  #checksums(): ChecksumPlan {
    this.#plan ??= planChecksums(this.#options.headers, this.#options.auth.payload);
    return this.#plan;
  }

  #decodedSize(): number | undefined {
    const { auth, headers } = this.#options;
    if (auth.payload.kind === 'streaming-signed' || auth.payload.kind === 'streaming-unsigned-trailer') {
      return parseDecodedLength(headers.get('x-amz-decoded-content-length'));
    }
    const length = headers.get('content-length');
    return length === undefined ? undefined : Number(length);
  }
}

function digestsOf(
  result: Digests,
  computed: ReadonlySet<ChecksumAlgorithm>,
  sent: ChecksumAlgorithm | undefined,
): BodyDigests {
  const checksums: Partial<Record<ChecksumAlgorithm, string>> = {};
  for (const algorithm of computed) checksums[algorithm] = result.base64(algorithm);
  const [own] = computed;
  const value = own === undefined ? undefined : checksums[own];
  return {
    md5: result.md5,
    checksums,
    ...(own !== undefined && value !== undefined && { checksum: { algorithm: own, value } }),
    ...(sent !== undefined && { sent }),
  };
}

/** For operations without a body ("The request included a body, but this operation does not take one"). */
export function refuseBody({ headers }: RequestContext): void {
  if (hasNoBody(headers)) return;
  throw new S3Error('InvalidRequest', {
    message: 'The request included a body. Requests of this type must not include a non-empty body.',
  });
}
