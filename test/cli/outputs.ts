/** Streams that remember what was written, at a fixed size. */
import { type Output, palette, type Terminal } from '../../lib/cli/terminal.ts';

export interface RecordedOutput extends Output {
  text(): string;
}

export function recordedOutput(
  options: { readonly columns?: number; readonly rows?: number; readonly coloured?: boolean } = {},
): RecordedOutput {
  const { columns = 80, rows = 24, coloured = false } = options;
  let written = '';
  return {
    write: (text) => {
      written += text;
    },
    drained: async () => 'ready',
    live: false,
    palette: palette(coloured),
    size: () => ({ columns, rows }),
    text: () => written,
  };
}

export interface RecordedTerminal extends Terminal {
  readonly out: RecordedOutput;
  readonly err: RecordedOutput;
}

export function recordedTerminal(options: Parameters<typeof recordedOutput>[0] = {}): RecordedTerminal {
  return { out: recordedOutput(options), err: recordedOutput(options), unicode: true };
}
