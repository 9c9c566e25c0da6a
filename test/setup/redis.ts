import type { Service, Unavailable } from './service.ts';

export async function start(): Promise<Service | Unavailable> {
  return { unavailable: 'not wired yet' };
}
