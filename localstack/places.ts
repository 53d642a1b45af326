/**
 * Where LocalStack without Docker keeps things, all under `.localstack/`:
 *
 *     install/      venv/ (Python packages), lib/ (Java parts), static/ (what LocalStack would work out at every start),
 *                   stamp.json (what was installed)
 *     runs/<name>/  fs/ (its file system), localstack.log, calls.jsonl (who called what), run.json (its process and port)
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of these files: pins and plugin lie beside them. */
export const sources = fileURLToPath(new URL('.', import.meta.url));
export const home = fileURLToPath(new URL('../.localstack/', import.meta.url));

export const installation = {
  folder: join(home, 'install'),
  python: join(home, 'install/venv/bin/python'),
  /** Taken for `/var/lib/localstack/lib` by every run. */
  lib: join(home, 'install/lib'),
  /** Taken for `/usr/lib/localstack` by every run. */
  staticLib: join(home, 'install/static/usr/lib/localstack'),
  stamp: join(home, 'install/stamp.json'),
  /** There while somebody installs: holds the id of that process. */
  lock: join(home, 'install.lock'),
} as const;

export const runsFolder = join(home, 'runs');

export interface RunPlaces {
  readonly folder: string;
  readonly log: string;
  readonly calls: string;
  readonly record: string;
  readonly fileSystem: string;
}

export function runPlaces(name: string): RunPlaces {
  const folder = join(runsFolder, name);
  return {
    folder,
    log: join(folder, 'localstack.log'),
    calls: join(folder, 'calls.jsonl'),
    record: join(folder, 'run.json'),
    fileSystem: join(folder, 'fs'),
  };
}
