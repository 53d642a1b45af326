/** `bunsui logs download`: a session's log as a file. */
import { join, relative, resolve } from 'node:path';
import { isTerminal } from '../../sessions/status.ts';
import { sessionLines } from '../../sessions/logs.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { type LogFormat, logWriter } from '../log-formats.ts';
import { type LogOptions, queryOf, readLogOf, requireThere } from '../log-request.ts';
import { isFolder, writeNewFile } from '../new-file.ts';
import { palette } from '../terminal.ts';
import { jsonLine } from '../json-lines.ts';

export interface DownloadOptions extends LogOptions {
  readonly output?: string;
}

const extensions: { readonly [format in LogFormat]: string } = {
  text: 'log',
  jsonl: 'jsonl',
  json: 'json',
  yaml: 'yaml',
  csv: 'csv',
};

/** The form that a file's name says. */
function formatOfName(name: string | undefined): LogFormat | undefined {
  const extension = /\.(\w+)$/.exec(name ?? '')?.[1]?.toLowerCase();
  if (extension === 'yml') return 'yaml';
  return (Object.keys(extensions) as LogFormat[]).find((format) => extensions[format] === extension);
}

export async function downloadLogs(context: CommandContext, name: string, options: DownloadOptions): Promise<number> {
  const { output, job } = options;
  const { out, err } = context.terminal;
  const query = queryOf(options, Date.now());
  const given = output === undefined ? undefined : resolve(context.cwd, output);
  const isInFolder = given === undefined || (await isFolder(given));
  const format = options.format ?? (isInFolder ? undefined : formatOfName(given)) ?? 'jsonl';
  const written = await readLogOf(context, name, options, async (platform, item) => {
    const file = isInFolder ? join(given ?? context.cwd, `${item.session_id}.${extensions[format]}`) : given;
    const writer = logWriter(format, { palette: palette(false), live: false });
    const clients = await platform.clients();
    const count = await writeNewFile(file, 'give another one with --output', async (put) => {
      let lines = 0;
      await put(writer.begin());
      for await (const batch of sessionLines(clients, item, query, Date.now())) {
        lines += batch.length;
        await put(writer.lines(batch));
      }
      if (lines === 0) await requireThere(platform, item, job);
      await put(writer.end());
      return lines;
    });
    return { file, count, item };
  });
  const { item, count } = written;
  const near = relative(context.cwd, written.file);
  const file = near.startsWith('..') ? written.file : near;
  if (options.json) {
    out.write(jsonLine('logs.downloaded', { session: item.session_id, file: written.file, format, lines: count }));
    return exitCodes.ok;
  }
  out.write(`${count} ${count === 1 ? 'line' : 'lines'} in ${harmlessLine(file)}\n`);
  if (!isTerminal(item.status)) err.write(`the session is ${item.status}: this is what has been written until now\n`);
  return exitCodes.ok;
}
