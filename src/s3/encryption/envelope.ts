/** What is kept with an encrypted object, or with an upload: enough to open it with the right key, and no key. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { JsonValue, ObjectAttributes } from '../../../adapters/types.ts';
import { damaged, deriveKey } from './format.ts';

export type Envelope = CustomerEnvelope | ManagedEnvelope | BackendEnvelope;
/** Sealed by the gateway. */
export type SealedEnvelope = CustomerEnvelope | ManagedEnvelope;

/** SSE-C. */
export interface CustomerEnvelope {
  readonly type: 'SSE-C';
  /** Base64, 16 bytes; unique to the object or upload. */
  readonly salt: string;
  /** Base64. Tells whether a key is the one that was used; of no use to find it. */
  readonly verifier: string;
}

/** SSE-S3. */
export interface ManagedEnvelope {
  readonly type: 'SSE-S3';
  readonly salt: string;
  readonly masterKey: string;
  /** Base64 of the wrapped data key. */
  readonly wrapped: string;
}

/** SSE-S3 that is left to a backend which encrypts at rest: its bytes are not sealed. */
export interface BackendEnvelope {
  readonly type: 'backend';
}

export function newSalt(): Buffer {
  return randomBytes(16);
}

export function customerEnvelope(key: Buffer): CustomerEnvelope {
  const salt = newSalt();
  return {
    type: 'SSE-C',
    salt: salt.toString('base64'),
    verifier: verifierOf(key, salt).toString('base64'),
  };
}

/** Whether the key is the one that the envelope was made with; its duration does not tell how much of it is right. */
export function isKeyOf(envelope: CustomerEnvelope, key: Buffer): boolean {
  const verifier = Buffer.from(envelope.verifier, 'base64');
  const candidate = verifierOf(key, saltBytes(envelope));
  return verifier.length === candidate.length && timingSafeEqual(verifier, candidate);
}

function verifierOf(key: Buffer, salt: Buffer): Buffer {
  return deriveKey(key, salt, 'partway verifier 1');
}

export function saltBytes({ salt }: SealedEnvelope): Buffer {
  return Buffer.from(salt, 'base64');
}

export function isSealed(envelope: Envelope | undefined): envelope is SealedEnvelope {
  return envelope !== undefined && envelope.type !== 'backend';
}

/** The envelope of an object; `undefined` when it is not encrypted. `Corrupt` when it is not one that the gateway writes. */
export function envelopeOf({ encryption, plainSize }: ObjectAttributes): Envelope | undefined {
  const envelope = encryption === undefined ? undefined : parseEnvelope(encryption);
  // The two are written together: one alone means that the other was lost, and the bytes would be taken for what they are not.
  if (isSealed(envelope) !== (plainSize !== undefined)) throw damaged('its attributes contradict each other');
  return envelope;
}

export function envelopeJson(envelope: Envelope): JsonValue {
  return { ...envelope };
}

function parseEnvelope(value: JsonValue): Envelope {
  const { masterKey, salt, type, verifier, wrapped } = value as Readonly<Record<string, unknown>>;
  if (type === 'backend') return { type };
  if (typeof salt === 'string') {
    if (type === 'SSE-C' && typeof verifier === 'string') return { type, salt, verifier };
    if (type === 'SSE-S3' && typeof masterKey === 'string' && typeof wrapped === 'string') {
      return { type, salt, masterKey, wrapped };
    }
  }
  throw damaged('its attributes cannot be read');
}
