/**
 * What CDK synthesis of a pipeline costs: `cdk synth`, the whole process, of a pipeline of a thousand jobs, beside the
 * same machine with the same functions written by hand with aws-stepfunctions. Both by turns in one run, medians, and
 * their ratio: how fast the machine is does not matter. Below them the app alone, without CDK's command line. Runs what
 * `npm run build` made.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cdk = join(root, 'node_modules/aws-cdk/bin/cdk');
const apps = { ours: 'bench/synth/ours.ts', byHand: 'bench/synth/by-hand.ts' };
const runs = 3;
const goal = 1.2;

type App = keyof typeof apps;

/** Milliseconds from exec to the end, and how many states and resources it has made. */
async function synthesise(app: App, args: (outdir: string) => readonly string[]) {
  // Beside no other assembly: CDK makes no bundle of code that one there has.
  const outdir = mkdtempSync(join(root, '.bunsui-bench-'));
  try {
    const from = performance.now();
    const child = spawn(process.execPath, args(outdir), {
      cwd: root,
      env: { ...process.env, CDK_OUTDIR: outdir, CDK_DISABLE_CLI_TELEMETRY: 'true' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const status = await new Promise<number | null>((done, fail) => child.on('close', done).on('error', fail));
    const ms = performance.now() - from;
    if (status !== 0) throw new Error(`${apps[app]} ended with ${status}: ${stderr}`);
    const template = readFileSync(join(outdir, 'Thousand.template.json'), 'utf8');
    const { Resources } = JSON.parse(template) as { readonly Resources: object };
    return { ms, bytes: Buffer.byteLength(template), resources: Object.keys(Resources).length };
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Both by turns, after one of each that fills the caches of the disk. */
async function compare(what: string, args: (app: App) => (outdir: string) => readonly string[]): Promise<number> {
  const times: { readonly [of in App]: number[] } = { ours: [], byHand: [] };
  for (let run = 0; run <= runs; run += 1) {
    for (const app of ['ours', 'byHand'] as const) {
      const { ms } = await synthesise(app, args(app));
      if (run > 0) times[app].push(ms);
    }
  }
  const [ours, byHand] = [median(times.ours), median(times.byHand)];
  const ratio = ours / byHand;
  process.stdout.write(
    `${what}: ${ours.toFixed(0)} ms, by hand ${byHand.toFixed(0)} ms, ratio ${ratio.toFixed(2)}, median of ${runs}\n`,
  );
  return ratio;
}

if (!existsSync(join(root, 'dist/lib/constructs/index.js'))) throw new Error('run `npm run build` first');
for (const app of ['ours', 'byHand'] as const) {
  const { bytes, resources } = await synthesise(app, () => [apps[app]]);
  process.stdout.write(`${apps[app]}: ${resources} resources, template of ${(bytes / 1024).toFixed(0)} KiB\n`);
}
const alone = await compare('the app alone', (app) => () => [apps[app]]);
const whole = await compare('cdk synth', (app) => (outdir) => [
  cdk,
  'synth',
  '--quiet',
  '--no-notices',
  '--app',
  `${process.execPath} ${apps[app]}`,
  '--output',
  outdir,
]);
const verdict = whole <= goal ? 'reached' : 'missed';
process.stdout.write(`goal: cdk synth at most ${goal} times as long as by hand: ${verdict}\n`);
if (whole > goal || Number.isNaN(alone)) process.exitCode = 1;
