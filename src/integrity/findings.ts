/** What the doctor found. */

export interface Finding {
  readonly kind: FindingKind;
  readonly bucket?: string;
  readonly key?: string;
  readonly uploadId?: string;
  /** Where it is in the backend. */
  readonly place?: string;
  readonly bytes?: number;
  /** Numbers of the parts whose bytes are gone. */
  readonly parts?: readonly number[];
  readonly mended: boolean;
}

export const findingKinds = {
  'orphaned-upload': 'staged bytes of an upload that the upload store does not know',
  'leftover-write': 'bytes of a write that was cut off',
  'metadata-without-data': 'metadata of an object that is gone, or that another program replaced',
  'removed-bucket': 'private data of a bucket that is gone',
  'uncleaned-upload': 'an upload that ended and was not cleaned up',
  'upload-without-bucket': 'an open upload whose bucket is gone',
  'upload-without-bytes': 'an open upload that has lost parts',
} as const;

export type FindingKind = keyof typeof findingKinds;

export interface Report {
  readonly findings: readonly Finding[];
  /** Findings beyond those that are kept. */
  readonly findingsLeftOut: number;
  readonly mended: number;
  /** Findings that are still there. */
  readonly left: number;
  /** Of findings whose bytes are known. */
  readonly bytes: number;
  /** What could not be looked at, or mended, and why. */
  readonly problems: readonly string[];
  /** Uploads that the store knows. */
  readonly uploadsKnown: number;
}

/** More than anybody reads; the counts have them all. */
const maxFindings = 10_000;
const maxProblems = 1_000;

export class Findings {
  uploadsKnown = 0;
  readonly #kept: Finding[] = [];
  /** Where the finding of an upload is kept: some backends tell of each of its pieces. */
  readonly #ofUpload = new Map<string, number>();
  readonly #problems: string[] = [];
  #mended = 0;
  #left = 0;
  #bytes = 0;

  add(finding: Finding): void {
    this.#bytes += finding.bytes ?? 0;
    const { kind, uploadId } = finding;
    const at = uploadId === undefined ? undefined : this.#ofUpload.get(`${kind} ${uploadId}`);
    const earlier = at === undefined ? undefined : this.#kept[at];
    if (at !== undefined && earlier !== undefined) {
      this.#kept[at] = { ...earlier, bytes: (earlier.bytes ?? 0) + (finding.bytes ?? 0) };
      return;
    }
    if (finding.mended) this.#mended += 1;
    else this.#left += 1;
    if (this.#kept.length >= maxFindings) return;
    if (uploadId !== undefined) this.#ofUpload.set(`${kind} ${uploadId}`, this.#kept.length);
    this.#kept.push(finding);
  }

  failed(problem: string): void {
    if (this.#problems.length < maxProblems) this.#problems.push(problem);
  }

  report(): Report {
    return {
      findings: this.#kept,
      findingsLeftOut: this.#mended + this.#left - this.#kept.length,
      mended: this.#mended,
      left: this.#left,
      bytes: this.#bytes,
      problems: this.#problems,
      uploadsKnown: this.uploadsKnown,
    };
  }
}
