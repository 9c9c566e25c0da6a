import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** As package.json says it, from the sources and from a compiled package alike. */
export function version(): string {
  const file = findPackageJSON(import.meta.url);
  if (file === undefined) throw new Error('package.json is missing');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string };
  return version;
}
