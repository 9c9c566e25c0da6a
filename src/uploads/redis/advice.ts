/** What a Redis says of itself that would cost uploads. */

/** @param info the reply to INFO, sections `persistence` and `memory` */
export function adviceFrom(info: string): readonly string[] {
  const fields = new Map(
    info.split(/\r?\n/).map((line) => {
      const [name = '', value = ''] = line.split(':');
      return [name, value] as const;
    }),
  );
  const advice: string[] = [];
  if (fields.get('aof_enabled') === '0') {
    advice.push(
      'Redis keeps no append-only file: a restart forgets parts that were acknowledged; set appendonly yes',
    );
  }
  if (fields.get('maxmemory_policy')?.startsWith('allkeys-') === true) {
    advice.push(
      'Redis may evict open uploads when its memory is full; set maxmemory-policy noeviction, or one of volatile-*',
    );
  }
  return advice;
}
