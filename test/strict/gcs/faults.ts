/** Faults that a test asks the strict service for, and the record of what was called. */

export type Operation =
  | 'buckets.list'
  | 'buckets.insert'
  | 'buckets.get'
  | 'buckets.delete'
  | 'objects.list'
  | 'objects.get'
  | 'objects.media'
  | 'objects.read'
  | 'objects.insert'
  | 'objects.compose'
  | 'objects.rewrite'
  | 'objects.patch'
  | 'objects.delete'
  | 'batch';

export interface Call {
  readonly operation: Operation;
  readonly bucket: string;
  readonly name: string;
}

export type How =
  /** Answered instead of being carried out. */
  | { readonly status: number; readonly reason?: string; readonly retryAfter?: number }
  /** The connection is cut: before anything is done, or after it was done and before the answer. */
  | 'reset'
  | 'lose answer'
  /** No answer, ever. */
  | 'hang'
  /** The connection is cut after so many bytes of a body that is read, or of one that is sent. */
  | { readonly cutAfter: number }
  /** One byte of the body is changed on its way. */
  | 'corrupt'
  /** Carried out after this. */
  | { readonly before: (call: Call) => Promise<void> };

export interface Fault {
  readonly when: (call: Call) => boolean;
  readonly how: How;
  /** How often; once unless given. */
  readonly times?: number;
}

export class Faults {
  readonly calls: Call[] = [];
  private readonly planned: Array<{ fault: Fault; left: number }> = [];
  private running = new Map<Operation, number>();
  private readonly peaks = new Map<Operation, number>();

  add(fault: Fault): void {
    this.planned.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.planned.length = 0;
    this.calls.length = 0;
    this.peaks.clear();
  }

  count(operation: Operation): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  /** Most calls of one kind that ran at once. */
  peak(operation: Operation): number {
    return this.peaks.get(operation) ?? 0;
  }

  /** Records a call, and gives the fault that hits it. */
  meet(call: Call): How | undefined {
    this.calls.push(call);
    const hit = this.planned.find(({ fault, left }) => left > 0 && fault.when(call));
    if (hit === undefined) return undefined;
    hit.left -= 1;
    return hit.fault.how;
  }

  async during<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
    const now = (this.running.get(operation) ?? 0) + 1;
    this.running.set(operation, now);
    this.peaks.set(operation, Math.max(now, this.peak(operation)));
    try {
      return await work();
    } finally {
      this.running.set(operation, (this.running.get(operation) ?? 1) - 1);
    }
  }
}
