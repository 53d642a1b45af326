/**
 * A map over S3 at work on this machine: `node bench/maps.ts [records]` generates JSON Lines, runs them in batches through
 * the real runtime and the real functions, and prints records a second, the memory of the processes at their highest, and
 * the name of every record that was refused. A tenth as many are run first: what memory does with ten times the records is
 * a ratio in one run. Linux only: memory is what the kernel says of the processes.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const at = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));

interface Measured {
  readonly seconds: number;
  readonly runtimeMiB: number;
  readonly functionMiB: number;
  readonly total: number;
  readonly refused: readonly string[];
}

/** A line of a process's status; nothing where it has gone. */
function statusOf(pid: number, field: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

const childrenOf = (parent: number): readonly number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && statusOf(pid, 'PPid') === parent);

const highestMiB = (pid: number): number => statusOf(pid, 'VmHWM') / 1_024;

async function measure(records: number): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-bench-maps-'));
  try {
    const broken = [0.1, 0.5, 0.999].map((part) => Math.floor(records * part));
    writeFileSync(join(folder, 'input.json'), JSON.stringify({ orders: records, broken }));
    const child = spawn(
      process.execPath,
      [at('bin/bunsui.ts'), 'run', at('test/cli/records/batches.ts'), '--input', 'input.json', '--json'],
      { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    let [runtimeMiB, functionMiB] = [0, 0];
    const timer = setInterval(() => {
      const { pid = 0 } = child;
      runtimeMiB = Math.max(runtimeMiB, highestMiB(pid));
      functionMiB = Math.max(functionMiB, ...childrenOf(pid).map(highestMiB));
    }, 200);
    const code = await new Promise<number | null>((done, fail) => child.on('close', done).on('error', fail));
    clearInterval(timer);
    const lines = out.trimEnd().split('\n');
    const events = lines.map(
      (line) => JSON.parse(line) as { readonly type: string; readonly [field: string]: unknown },
    );
    const ended = events.at(-1);
    const map = events.find(({ type }) => type === 'map.completed');
    if (code !== 0 || ended === undefined || map === undefined) throw new Error(`the run has failed: ${lines.at(-1)}`);
    const { total, refused } = ended['output'] as Pick<Measured, 'total' | 'refused'>;
    const seconds = Number(map['duration_ms']) / 1_000;
    if (total !== records || refused.length !== broken.length) throw new Error(`${total} records, refused ${refused}`);
    return { seconds, runtimeMiB, functionMiB, total, refused };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const records = Number(process.argv[2] ?? 1_000_000);
if (!Number.isInteger(records) || records < 10_000) {
  process.stderr.write('how many records? a whole number from 10000\n');
  process.exitCode = 2;
} else {
  const [few, many] = [await measure(Math.floor(records / 10)), await measure(records)];
  for (const { total, seconds, runtimeMiB, functionMiB, refused } of [few, many]) {
    const speed = Math.round(total / seconds).toLocaleString('en');
    process.stdout.write(
      `${total.toLocaleString('en')} records in ${seconds.toFixed(1)} s: ${speed} records/s; RSS at most ${Math.round(runtimeMiB)} MiB (runtime), ${Math.round(functionMiB)} MiB (a function)\n`,
    );
    process.stdout.write(`  refused: ${refused.join(', ')}\n`);
  }
  const ratio = (of: 'runtimeMiB' | 'functionMiB') => (many[of] / few[of]).toFixed(2);
  process.stdout.write(
    `ten times the records: ${ratio('runtimeMiB')} times the memory of the runtime, ${ratio('functionMiB')} times that of a function\n`,
  );
}
