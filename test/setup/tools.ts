/** Programs that stand for a client: their tests are left out where they are not (`onPath`). */
import { provide } from './apt.ts';
import type { Service, Unavailable } from './service.ts';

export async function start(): Promise<Service | Unavailable> {
  const missing: Unavailable[] = [];
  for (const program of ['curl', 'openssl']) {
    const why = await provide(program, program);
    if (why !== undefined) missing.push(why);
  }
  if (missing.length > 0) return { unavailable: missing.map(({ unavailable }) => unavailable).join('\n') };
  return { env: {}, stop: async () => {} };
}
