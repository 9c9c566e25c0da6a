/**
 * Remembers what was used lately, within a weight. Two generations: what is used moves to the young one; when that is full it
 * becomes the old one, and the old one is forgotten. Cheaper than an exact order of use, and as good here.
 */
export class Recent<V> {
  readonly #limit: number;
  #young = new Map<string, Entry<V>>();
  #old = new Map<string, Entry<V>>();
  #weight = 0;

  /** `limit` is the weight kept at most, but for one entry that weighs more alone. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young.value;
    const old = this.#old.get(key);
    if (old !== undefined) this.#add(key, old);
    return old?.value;
  }

  set(key: string, value: V, weight = 1): void {
    this.delete(key);
    this.#add(key, { value, weight });
  }

  delete(key: string): void {
    this.#weight -= this.#young.get(key)?.weight ?? 0;
    this.#young.delete(key);
    this.#old.delete(key);
  }

  #add(key: string, entry: Entry<V>): void {
    if (this.#weight + entry.weight > this.#limit / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#weight = 0;
    }
    this.#young.set(key, entry);
    this.#weight += entry.weight;
  }
}

interface Entry<V> {
  readonly value: V;
  readonly weight: number;
}
