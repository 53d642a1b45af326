/** What every command is handed. */
import type { Terminal } from './terminal.ts';

export interface CommandContext {
  readonly terminal: Terminal;
  /** Working folder: relative files and the state folder start here. */
  readonly cwd: string;
  /** How the user calls bunsui (`bunsui`, `npx bunsui`): what hints print. */
  readonly commandName: string;
  readonly environment: { readonly [name: string]: string | undefined };
}

/** Under an npm script or npx there is no `bunsui` on the user's own path. */
export function commandNameFrom(environment: { readonly [name: string]: string | undefined }): string {
  return environment['npm_command'] === undefined ? 'bunsui' : 'npx bunsui';
}
