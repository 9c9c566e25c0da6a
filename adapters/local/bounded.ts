/** Calls under way at once: enough to keep the thread pool busy, few enough to stay far from the limit of open files. */
const inFlight = 32;

export async function mapBounded<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  const left = items.entries();
  const work = async (): Promise<void> => {
    for (const [i, item] of left) results[i] = await map(item);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, items.length) }, work));
  return results;
}
