/**
 * Runs benches: `node bench/run.ts [name…]`, all of them without a name. A bench is a file that prints its lines and
 * can be run by itself; its arguments come after `--`. Exit code 1 when a bench fails, 2 for a name that there is not.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What there is to measure, and what each line of it says. */
const benches: {
  readonly [name: string]: { readonly file: string; readonly what: string; readonly wantsArguments?: true };
} = {
  start: { file: 'start.ts', what: 'from exec to the first job, and to the end of --help' },
  lambdas: { file: 'lambdas.ts', what: "size of bunsui's own functions, and the time to import them" },
  synth: { file: 'synth.ts', what: 'cdk synth of a thousand jobs, beside the same machine written by hand' },
  cost: { file: 'cost.ts', what: 'what a platform costs, idle and at work, by the price list' },
  wrapper: { file: 'wrapper.ts', what: "what the wrapper adds to an author's function" },
  logs: { file: 'logs.ts', what: 'filtering a large log, and following one at 5,000 lines a second' },
  graph: { file: 'graph.ts', what: 'pictures of 500 jobs, folded and whole' },
  ladder: { file: 'ladder.ts', what: 'a day of retries in virtual time' },
  maps: {
    file: 'maps.ts',
    what: 'a map over S3 of a million records: records a second, memory, names of what failed',
    wantsArguments: true,
  },
  soak: {
    file: 'soak.ts',
    what: 'memory and descriptors over 100,000 executions; wants how many, and how many at once',
    wantsArguments: true,
  },
  dags: {
    file: 'dags.ts',
    what: 'real graphs in virtual time: starts, transitions, sizes; wants a folder of graphs',
    wantsArguments: true,
  },
  conformance: {
    file: 'conformance.ts',
    what: 'answers equal to those of AWS; wants a folder of cases',
    wantsArguments: true,
  },
};

async function run(file: string, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [file, ...args], { stdio: 'inherit' });
  return new Promise((done, fail) => child.on('close', (status) => done(status ?? 1)).on('error', fail));
}

function usage(problem: string): void {
  const lines = Object.entries(benches).map(([name, { what }]) => `  ${name.padEnd(12)} ${what}`);
  process.stderr.write(`${[problem, '', 'benches:', ...lines].join('\n')}\n`);
  process.exitCode = 2;
}

const given = process.argv.slice(2);
const split = given.indexOf('--');
const names = split < 0 ? given : given.slice(0, split);
const rest = split < 0 ? [] : given.slice(split + 1);
const unknown = names.find((name) => !Object.hasOwn(benches, name));
// A bench that wants arguments is not among "all": there are none to give it.
const wanted = names.length > 0 ? names : Object.keys(benches).filter((name) => benches[name]?.wantsArguments !== true);

if (unknown !== undefined) usage(`there is no bench "${unknown}"`);
else {
  for (const name of wanted) {
    const file = fileURLToPath(new URL(benches[name]?.file ?? '', import.meta.url));
    if (!existsSync(file)) throw new Error(`bench "${name}" is in the table, but ${file} is not there`);
    process.stdout.write(`# ${name}\n`);
    if ((await run(file, rest)) !== 0) process.exitCode = 1;
  }
}
