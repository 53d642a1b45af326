/** The script part of the deploy workflow, run as its runner runs it. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from '../cli/command-line.ts';

/** The text of a workflow. */
const textOf = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../.github/workflows/${name}.yml`, import.meta.url)), 'utf8');

export const workflowText = textOf('deploy');
/** The workflow that tests every change. */
export const ciText = textOf('ci');

/** The script of the step with that name: the lines below its `run: |`, which are indented further. */
export function scriptOf(step: string): string {
  const lines = workflowText.split('\n');
  const begin = lines.findIndex((line) => line.trim() === `- name: ${step}`);
  const run = lines.findIndex((line, index) => index > begin && line.trim() === 'run: |');
  if (begin < 0 || run < 0) throw new Error(`the workflow has no step "${step}" with a script`);
  const indent = (lines[run] ?? '').search(/\S/) + 2;
  const after = lines.slice(run + 1);
  const end = after.findIndex((line) => line.trim() !== '' && line.search(/\S/) < indent);
  return after
    .slice(0, end < 0 ? after.length : end)
    .map((line) => line.slice(indent))
    .join('\n');
}

/** Makes `npx bunsui` in a folder run this project's command line. */
export function installBunsui(folder: string): void {
  const bin = join(folder, 'node_modules/.bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'bunsui'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
  chmodSync(join(bin, 'bunsui'), 0o755);
}

/** Runs a script with bash, as GitHub does for `shell: bash`. */
export async function runScript(
  script: string,
  cwd: string,
  environment: { readonly [name: string]: string },
): Promise<{ readonly code: number | null; readonly printed: string; readonly summary: string }> {
  const [text, summary] = [join(cwd, 'script.sh'), join(cwd, 'summary.md')];
  writeFileSync(text, script);
  writeFileSync(summary, '');
  const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', text], {
    cwd,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      CI: 'true',
      GITHUB_STEP_SUMMARY: summary,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      printed += part;
    });
  }
  const code = await new Promise<number | null>((ended, failed) => child.on('close', ended).on('error', failed));
  return { code, printed, summary: readFileSync(summary, 'utf8') };
}
