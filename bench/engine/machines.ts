/** The machines that are measured, each in JSONPath, which every engine speaks, and in JSONata, which pipelines are compiled to. */
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { type Job, lambda, pipeline } from '../../lib/index.ts';

/** A machine with its input. */
export interface Machine {
  readonly name: string;
  readonly definition: object;
  readonly input: object;
  /** States that are tasks; each answers `taskAnswer` at once. */
  readonly tasks: readonly string[];
}

const size = 1_000;
export const workArn = 'arn:aws:lambda:us-east-1:000000000000:function:work';
export const taskAnswer = { rows: 3 };

type States = { readonly [name: string]: object };

/** States one after another. */
function sequence(states: readonly (readonly [name: string, state: object])[]): {
  readonly StartAt: string;
  readonly States: States;
} {
  const linked = states.map(([name, state], index): [string, object] => {
    const next = states[index + 1]?.[0];
    return [name, { ...state, ...(next === undefined ? { End: true } : { Next: next }) }];
  });
  return { StartAt: states[0]?.[0] ?? '', States: Object.fromEntries(linked) };
}

const chain = sequence(Array.from({ length: size }, (_, index) => [`pass ${index}`, { Type: 'Pass' }]));

const loop = {
  StartAt: 'count',
  States: {
    count: { Type: 'Pass', Parameters: { 'n.$': 'States.MathAdd($.n, 1)', 'of.$': '$.of' }, Next: 'again' },
    again: {
      Type: 'Choice',
      Choices: [{ Variable: '$.n', NumericLessThanPath: '$.of', Next: 'count' }],
      Default: 'end',
    },
    end: { Type: 'Succeed' },
  },
};

const loopInJsonata = {
  QueryLanguage: 'JSONata',
  StartAt: 'count',
  States: {
    count: { Type: 'Pass', Output: { n: '{% $states.input.n + 1 %}', of: '{% $states.input.of %}' }, Next: 'again' },
    again: {
      Type: 'Choice',
      Choices: [{ Condition: '{% $states.input.n < $states.input.of %}', Next: 'count' }],
      Default: 'end',
    },
    end: { Type: 'Succeed' },
  },
};

const each = (state: object) => ({
  ProcessorConfig: { Mode: 'INLINE' },
  StartAt: 'one',
  States: { one: { ...state, End: true } },
});
const map = {
  StartAt: 'each',
  States: { each: { Type: 'Map', ItemsPath: '$.items', ItemProcessor: each({ Type: 'Pass' }), End: true } },
};
const mapInJsonata = {
  QueryLanguage: 'JSONata',
  StartAt: 'each',
  States: {
    each: {
      Type: 'Map',
      Items: '{% $states.input.items %}',
      ItemProcessor: each({ Type: 'Pass', Output: { key: "{% 'day/' & $string($states.input.day) %}" } }),
      End: true,
    },
  },
};
const items = Array.from({ length: size }, (_, day) => ({ day }));

/** 200 jobs: five groups one after another, each of eight lines of five jobs. */
const [groups, lines, length] = [5, 8, 5];
const jobName = (group: number, line: number, at: number) => `job ${group} ${line} ${at}`;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const jobs = range(groups).flatMap((group) =>
  range(lines).flatMap((line) => range(length).map((at) => jobName(group, line, at))),
);
const dag = sequence(
  range(groups).map((group) => [
    `group ${group}`,
    {
      Type: 'Parallel',
      ResultPath: '$.rows',
      Branches: range(lines).map((line) =>
        sequence(range(length).map((at) => [jobName(group, line, at), { Type: 'Task', Resource: workArn }])),
      ),
    },
  ]),
);

/** The four machines that every engine runs. */
export const shared: readonly Machine[] = [
  { name: '1,000-pass chain', definition: chain, input: { a: 1 }, tasks: [] },
  { name: '1,000-iteration Choice loop', definition: loop, input: { n: 0, of: size }, tasks: [] },
  { name: '1,000-item Map', definition: map, input: { items }, tasks: [] },
  { name: '200-job DAG', definition: dag, input: { a: 1 }, tasks: jobs },
];

/** In JSONata, and the DAG as bunsui compiles it from a pipeline. */
export function inJsonata(): readonly Machine[] {
  return [
    { name: 'Choice loop, JSONata', definition: loopInJsonata, input: { n: 0, of: size }, tasks: [] },
    { name: 'Map, JSONata', definition: mapInJsonata, input: { items }, tasks: [] },
    { name: '200-job DAG, compiled', definition: compiledDag(), input: {}, tasks: [] },
  ];
}

function compiledDag(): object {
  const work = lambda('work', {
    entry: './work.ts',
    input: z.object({ rows: z.int(), note: z.string() }),
    output: z.object({ rows: z.int() }),
  });
  const { ir } = pipeline('dag', { input: z.object({}) }, (p) => {
    let before: readonly Job<{ rows: number }>[] = [];
    for (const group of range(groups)) {
      const after = before;
      before = range(lines)
        .map((line) =>
          range(length).reduce<Job<{ rows: number }> | undefined>((last, at) => {
            const input = { rows: last?.out.rows ?? 0, note: jobName(group, line, at) };
            return p.job(`job-${group}-${line}-${at}`, work, input, at === 0 ? { after } : {});
          }, undefined),
        )
        .flatMap((last) => last ?? []);
    }
  });
  const compiled = compilePipeline(ir, { sha256: () => '' });
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join('; '));
  return compiled.artifact.definition;
}
