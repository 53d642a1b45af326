/**
 * The two streams a command writes to, with what is known about them: colours, size, characters.
 */
import { styleText } from 'node:util';

/** Paints text, or leaves it as it is where colours are not wanted. */
export type Paint = (text: string) => string;

export interface Palette {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly blue: Paint;
  readonly cyan: Paint;
}

/** One stream. `live` says that it is a terminal whose cursor can be moved. */
export interface Output {
  write(text: string): void;
  /** Resolves when what was written has been taken, so that no more than that waits in memory; `gone` when nobody reads any more. */
  drained(): Promise<'ready' | 'gone'>;
  readonly live: boolean;
  readonly palette: Palette;
  /** Columns and rows now; 80 × 24 where there is no terminal. */
  size(): { readonly columns: number; readonly rows: number };
}

export interface Terminal {
  /** Data. */
  readonly out: Output;
  /** Everything else: progress, diagnostics, hints. */
  readonly err: Output;
  /** Symbols beyond ASCII can be shown. */
  readonly unicode: boolean;
}

type Environment = { readonly [name: string]: string | undefined };

/** Whether a stream gets colours: FORCE_COLOR, then NO_COLOR, then TERM=dumb, then whether it is a terminal. */
export function wantsColour(isTty: boolean, environment: Environment): boolean {
  const forced = environment['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  if (environment['TERM'] === 'dumb') return false;
  return isTty;
}

/** Colours through `util.styleText`; without colour every paint gives back its text. */
export function palette(coloured: boolean): Palette {
  const paint =
    (format: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan'): Paint =>
    (text) =>
      coloured ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    green: paint('green'),
    yellow: paint('yellow'),
    blue: paint('blue'),
    cyan: paint('cyan'),
  };
}

/** Whether the locale can show more than ASCII. Windows terminals can; elsewhere the locale must say UTF-8. */
export function showsUnicode(environment: Environment, platform: string): boolean {
  if (environment['TERM'] === 'dumb' || environment['TERM'] === 'linux') return false;
  if (platform === 'win32' || platform === 'darwin') return true;
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '';
  return /utf-?8/i.test(locale);
}

async function drained(stream: NodeJS.WriteStream): Promise<'ready' | 'gone'> {
  if (stream.destroyed || !stream.writable) return 'gone';
  if (!stream.writableNeedDrain) return 'ready';
  await new Promise<void>((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error']) stream.once(event, done);
  });
  return stream.destroyed || !stream.writable ? 'gone' : 'ready';
}

function outputOf(stream: NodeJS.WriteStream, environment: Environment): Output {
  const isTty = stream.isTTY === true;
  return {
    write: (text) => {
      stream.write(text);
    },
    drained: () => drained(stream),
    live: isTty && environment['TERM'] !== 'dumb',
    palette: palette(wantsColour(isTty, environment)),
    size: () => ({ columns: stream.columns || 80, rows: stream.rows || 24 }),
  };
}

/** The process's own streams. */
export function systemTerminal(environment: Environment = process.env): Terminal {
  return {
    out: outputOf(process.stdout, environment),
    err: outputOf(process.stderr, environment),
    unicode: showsUnicode(environment, process.platform),
  };
}
