/** The version of the bunsui that runs. */
import { readFileSync } from 'node:fs';

/** The version in our own package.json, which stands one folder higher above built files than above source files. */
export function ownVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (name === 'bunsui') return String(version);
    } catch {
      // Not there: the other one is.
    }
  }
  return 'unknown';
}
