/**
 * What the simulation is worth: mistakes made on purpose in engine, wrapper and fold, each of which it must find.
 * `node test/simulation/mutants.ts [NAME]` makes each in a copy and prints the first seed that finds it; exit code 1
 * when one is not found.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Mutant {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const mutants: { readonly [mistake: string]: Mutant } = {
  'engine: tasks begin before their records are durable': {
    file: 'lib/engine/run.ts',
    from: 'await ports.journal.append(records);',
    to: 'const durable = ports.journal.append(records);\n      for (const thread of touchedNow) effects.act(thread);\n      await durable;',
  },
  'engine: a resumed execution does not record that tasks start again': {
    file: 'lib/engine/run.ts',
    from: 'restartTasks(turn);',
    to: '',
  },
  'engine: events are shown before they are durable': {
    file: 'lib/engine/run.ts',
    from: 'await ports.journal.append(records);',
    to: 'show(upTo);\n      await ports.journal.append(records);',
  },
  'engine: restarts are not counted in attempts': {
    file: 'lib/engine/fold.ts',
    from: "if (thread.phase.kind === 'started') thread.restarts += 1;",
    to: "if (thread.phase.kind === 'started') thread.restarts += 0;",
  },
  'engine: a redrive brings only the first branch back': {
    file: 'lib/engine/fold-redrive.ts',
    from: 'for (const child of children) {',
    to: 'for (const child of children.slice(0, 1)) {',
  },
  'engine: a redrive begins a state anew from its machine’s start': {
    file: 'lib/engine/fold-redrive.ts',
    from: "thread.phase = { kind: thread.enteredId === 0 ? 'entering' : 'entered' };",
    to: "thread.state = thread.scope.StartAt;\n    thread.known = undefined;\n    thread.phase = { kind: 'entering' };",
  },
  'fold: what a redrive has taken the place of runs on': {
    file: 'lib/sessions/job-view.ts',
    from: "if (last?.status === 'running') attempts.splice(-1, 1, { ...last, status: 'cancelled' });",
    to: '',
  },
  'wrapper: the checkpoint is not looked for': {
    file: 'lib/wrapper/wrap-handler.ts',
    from: "if (before !== undefined && before.as !== 'candidate') return await stored(before);",
    to: '',
  },
  'wrapper: gates are opened before the checkpoint': {
    file: 'lib/wrapper/wrap-handler.ts',
    from: "if ((await store?.record(envelope, { output: output.text, inputHash })) === 'exists') {",
    to: "await openGates(ports, call, envelope, output.text);\n      if ((await store?.record(envelope, { output: output.text, inputHash })) === 'exists') {",
  },
  'wrapper: gates stay shut when the completion was recorded before': {
    file: 'lib/wrapper/wrap-handler.ts',
    from: 'await openGates(ports, call, envelope, found.output);\n      const how',
    to: 'const how',
  },
  'wrapper: a call that failed is not repeated': {
    file: 'lib/wrapper/signed-calls.ts',
    from: 'const maxTries = 10;',
    to: 'const maxTries = 1;',
  },
  'wrapper: a latch opens one producer early': {
    file: 'lib/wrapper/gates.ts',
    from: '>= gate.all',
    to: '>= gate.all - 1',
  },
  'fold: events of a job stay in the order in which they come': {
    file: 'lib/sessions/fold.ts',
    from: 'while (at > 0 && (events[at - 1]?.id ?? 0) > event.id) at -= 1;',
    to: '',
  },
  'fold: an event without its predecessor is dropped': {
    file: 'lib/sessions/fold.ts',
    from: 'else others.push(next);',
    to: '',
  },
  'fold: what was cut off is forgotten': {
    file: 'lib/sessions/job-view.ts',
    from: "attempts.push({ ...cut, endedAt: event.timestamp, status: 'cancelled', error: interruption });",
    to: '',
  },
};

const root = fileURLToPath(new URL('../..', import.meta.url));
const wanted = process.argv.slice(2);
for (const [mistake, { file, from, to }] of Object.entries(mutants)) {
  if (wanted.length > 0 && !wanted.some((part) => mistake.includes(part))) continue;
  const copy = mkdtempSync(join(tmpdir(), 'bunsui-mutant-'));
  try {
    for (const part of ['lib', 'test/simulation', 'package.json'])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const text = readFileSync(join(copy, file), 'utf8');
    if (!text.includes(from)) throw new Error(`${file} does not hold ${from}`);
    writeFileSync(
      join(copy, file),
      text.replace(from, () => to),
    );
    const script = join(copy, 'test', 'simulation', 'simulate.ts');
    const run = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', script, '--seeds', '300', '--first'],
      {
        encoding: 'utf8',
      },
    );
    const found = run.stdout.split('\n').find((line) => line.startsWith('seed '));
    const broken = run.stderr.includes('Error') && found === undefined ? ` (${run.stderr.slice(0, 200)})` : '';
    const line = `${found === undefined ? 'NOT FOUND' : 'found'}  ${mistake}: ${found ?? broken}`;
    process.stdout.write(`${line.slice(0, 240)}\n`);
    if (found === undefined) process.exitCode = 1;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
