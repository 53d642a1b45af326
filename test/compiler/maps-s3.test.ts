import { add, gt, lambda, orElse, type Pipeline, pipeline, tpl } from 'bunsui';
import { runPipeline, type TestRun } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { boundsOf } from '../../lib/compiler/bounds.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { explainPipeline } from '../../lib/compiler/explain.ts';
import { graphOf } from '../../lib/graph/graph.ts';
import { toMermaid } from '../../lib/graph/mermaid.ts';

const order = z.object({ id: z.string(), amount: z.int() });
const total = z.object({ total: z.int(), succeeded: z.int(), failed: z.int() });
const charge = lambda('charge', {
  entry: './charge.ts',
  input: z.object({ id: z.string(), amount: z.int(), rate: z.int().optional(), index: z.int().optional() }),
  output: z.object({ id: z.string(), charged: z.int() }),
});
const chargeAll = lambda('charge-all', {
  entry: './charge.ts',
  input: z.object({ orders: z.array(order), rate: z.int(), first: z.int() }),
  output: z.object({ charged: z.int(), refused: z.array(z.string()) }),
});
const rates = lambda('rates', {
  entry: './rates.ts',
  input: z.object({ day: z.string() }),
  output: z.object({ rate: z.int(), unused: z.string() }),
});
const collect = lambda('collect', {
  entry: './collect.ts',
  input: z.object({ key: z.string(), failed: z.int() }),
  output: z.object({ text: z.string() }),
});
const takeKey = lambda('take-key', { entry: './k.ts', input: z.object({ key: z.string() }), output: z.object({}) });

const lines = (records: readonly unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('');
const orders = Array.from({ length: 7 }, (_, index) => ({ id: `o${index}`, amount: index }));

/** What results of a run hold, by the beginning of their files' names. */
function results({ objects = {} }: TestRun, which: string): readonly unknown[] {
  return Object.entries(objects).flatMap(([key, text]) =>
    key.includes(`/${which}_`)
      ? text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown)
      : [],
  );
}

const perRecord = pipeline(
  'per-record',
  { input: z.object({ day: z.string(), extra: z.int().default(1) }), output: total },
  (p, input) => {
    const today = p.job('rates', rates, { day: input.day });
    const done = p.mapS3(
      'orders',
      { format: 'jsonl', key: tpl`orders/${input.day}.jsonl`, item: order },
      (one, q, index) => {
        const first = q.job('charge', charge, { id: one.id, amount: one.amount, rate: today.out.rate, index });
        return q.job('again', charge, {
          id: tpl`${first.out.id}@${input.day}`,
          amount: add(first.out.charged, input.extra),
        });
      },
      { concurrency: 2, tolerate: { count: 1 } },
    );
    p.output({ total: done.out.total, succeeded: done.out.succeeded, failed: done.out.failed });
  },
);

const batched = pipeline(
  'batched',
  { input: z.object({ day: z.string() }), output: z.object({ text: z.string() }) },
  (p, input) => {
    const today = p.job('rates', rates, { day: input.day });
    const done = p.mapS3(
      'orders',
      { format: 'jsonl', key: 'orders.jsonl', item: order },
      (some, q, first) => q.job('charge', chargeAll, { orders: some, rate: today.out.rate, first }),
      { batch: { items: 3 }, tolerate: { share: 0.5 } },
    );
    const said = p.branch('any', gt(done.out.failed, 0), (q) =>
      q.job('collect', collect, { key: done.out.results.key, failed: done.out.failed }),
    );
    p.output({ text: orElse(said.out.text, 'none') });
  },
);

describe('a map over S3', () => {
  it('runs its body for each record, with what stands outside, and gives its totals', async () => {
    const run = await runPipeline(perRecord, {
      input: { day: 'monday' },
      objects: { 'orders/monday.jsonl': lines(orders) },
      operations: {
        rates: () => ({ rate: 10, unused: 'x' }),
        charge: ({ id, amount, rate = 1 }: { id: string; amount: number; rate?: number }) => {
          if (id === 'o4') throw new RangeError('no such customer');
          return { id, charged: amount * rate };
        },
      },
    });
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: { total: 7, succeeded: 6, failed: 1 } });
    expect(run.attempts.find(({ job }) => job === 'orders[3]/again')).toMatchObject({
      input: { id: 'o3@monday', amount: 31 },
      output: { id: 'o3@monday', charged: 31 },
    });
    expect(run.attempts.find(({ job }) => job === 'orders[5]/charge')?.input).toStrictEqual({
      ...{ id: 'o5', amount: 5, rate: 10, index: 5 },
    });
    expect(results(run, 'SUCCEEDED')).toHaveLength(6);
    expect(results(run, 'SUCCEEDED')[2]).toStrictEqual({ id: 'o2@monday', charged: 21 });
    expect(results(run, 'FAILED')).toMatchObject([{ Status: 'FAILED', Error: 'RangeError' }]);
    expect(JSON.parse((results(run, 'FAILED')[0] as { Input: string }).Input)).toMatchObject({
      path: 'orders[4]',
      items: { orders: { id: 'o4' } },
    });
  });

  it('gives its body batches, in their order, and counts records', async () => {
    const seen: unknown[] = [];
    const run = await runPipeline(batched, {
      input: { day: 'monday' },
      objects: { 'orders.jsonl': lines(orders) },
      operations: {
        rates: () => ({ rate: 2, unused: 'x' }),
        'charge-all': ({
          orders: some,
          first,
          rate,
        }: {
          orders: { id: string; amount: number }[];
          first: number;
          rate: number;
        }) => {
          seen.push([first, rate, some.map(({ id }) => id)]);
          if (first === 3) throw new RangeError('no');
          return { charged: some.length, refused: [] };
        },
        collect: ({ key, failed }: { key: string; failed: number }) => ({
          text: `${failed} ${key.replaceAll(/[0-9a-f-]{36}/g, '*')}`,
        }),
      },
    });
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: { text: '3 maps/batched/test/orders/*/manifest.json' } });
    expect(seen).toStrictEqual([
      [0, 2, ['o0', 'o1', 'o2']],
      [3, 2, ['o3', 'o4', 'o5']],
      [6, 2, ['o6']],
    ]);
  });

  it('fails when more records fail than may', async () => {
    const run = await runPipeline(perRecord, {
      input: { day: 'monday' },
      objects: { 'orders/monday.jsonl': lines(orders) },
      operations: {
        rates: () => ({ rate: 10, unused: 'x' }),
        charge: () => {
          throw new RangeError('no');
        },
      },
    });
    expect(run).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
  });

  it('fails when its object is not there', async () => {
    const run = await runPipeline(perRecord, {
      input: { day: 'tuesday' },
      operations: { rates: () => ({ rate: 1, unused: '' }), charge: () => ({ id: '', charged: 0 }) },
    });
    expect(run).toMatchObject({ status: 'FAILED', error: 'States.ItemReaderFailed' });
  });

  const keys = async (one: Pipeline, objects: { readonly [place: string]: string }) => {
    const seen: string[] = [];
    const run = await runPipeline(one, {
      input: {},
      objects,
      operations: {
        'take-key': ({ key }: { key: string }) => {
          seen.push(key);
          return {};
        },
      },
    });
    return { seen: seen.toSorted(), output: run.output, status: run.status };
  };
  const withSource = (source: Parameters<typeof sourced>[0]) => sourced(source);
  function sourced(record: (p: Parameters<Parameters<typeof pipeline>[2]>[0]) => { readonly out: never }): Pipeline {
    return pipeline('sourced', { input: z.object({}) }, (p) => {
      record(p as never);
    }) as Pipeline;
  }

  it('lists objects, of another bucket too', async () => {
    const listed = withSource(
      (p) =>
        p.mapS3('each', { format: 'objects', bucket: 'incoming', prefix: 'a/' }, (one, q) => {
          q.job('take', takeKey, { key: one.Key });
        }) as never,
    );
    const found = await keys(listed, {
      's3://incoming/a/1': 'x',
      's3://incoming/a/2': 'y',
      's3://incoming/b': 'z',
      'a/3': '',
    });
    expect(found).toMatchObject({ status: 'SUCCEEDED', seen: ['a/1', 'a/2'] });
  });

  it('reads CSV, JSON at a pointer, and all objects under a prefix', async () => {
    const item = z.object({ key: z.string() });
    const csv = withSource(
      (p) =>
        p.mapS3('each', { format: 'csv', key: 'k.csv', delimiter: 'PIPE', item }, (one, q) =>
          q.job('take', takeKey, { key: one.key }),
        ) as never,
    );
    expect((await keys(csv, { 'k.csv': 'key|other\nx|1\n"y|z"|2\n' })).seen).toStrictEqual(['x', 'y|z']);
    const columns = withSource(
      (p) =>
        p.mapS3('each', { format: 'csv', key: 'k.csv', columns: ['key'], limit: 1, item }, (one, q) =>
          q.job('take', takeKey, { key: one.key }),
        ) as never,
    );
    expect((await keys(columns, { 'k.csv': 'x\ny\n' })).seen).toStrictEqual(['x']);
    const json = withSource(
      (p) =>
        p.mapS3('each', { format: 'json', key: 'k.json', pointer: '/data/rows', item: z.string() }, (one, q) =>
          q.job('take', takeKey, { key: one }),
        ) as never,
    );
    expect((await keys(json, { 'k.json': '{"data":{"rows":["x","y"]}}' })).seen).toStrictEqual(['x', 'y']);
    const many = withSource(
      (p) =>
        p.mapS3('each', { format: 'jsonl', prefix: 'in/', item }, (one, q) =>
          q.job('take', takeKey, { key: one.key }),
        ) as never,
    );
    expect((await keys(many, { 'in/1': '{"key":"a"}\n', 'in/2': '{"key":"b"}\n{"key":"c"}' })).seen).toStrictEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it('of no records succeeds', async () => {
    const none = withSource(
      (p) =>
        p.mapS3('each', { format: 'objects', prefix: 'nothing/' }, (one, q) =>
          q.job('take', takeKey, { key: one.Key }),
        ) as never,
    );
    expect(await keys(none, {})).toMatchObject({ status: 'SUCCEEDED', seen: [] });
  });
});

describe('a map over S3 that could not be run', () => {
  // What is wrong with it is wrong with what it does, too.
  const beside = new Set<string>(['BS1105', 'BS1108', 'BS1114']);
  const item = z.object({ key: z.string() });
  const source = { format: 'jsonl', key: 'k', item } as const;
  type Given = Parameters<Parameters<typeof pipeline>[2]>[0];
  const told = (record: (p: Given, input: { readonly name: never }) => void) => {
    const made = pipeline('wrong', { input: z.object({ name: z.string() }) }, (p, input) => {
      record(p as never, input as never);
    });
    return made.diagnostics.filter(({ severity, code }) => severity === 'error' && !beside.has(code));
  };
  const take = (one: { readonly key: never }, q: Pick<Given, 'job'>) => q.job('take', takeKey, { key: one.key });
  type Made = readonly [path: string, message: RegExp, record: (p: Given, input: { readonly name: never }) => void];
  const map = (p: Given, from: object, options?: object) =>
    p.mapS3('each', from as never, take as never, options as never);

  it.each<Made>([
    ['each.format', /reads "parquet"/, (p) => map(p, { ...source, format: 'parquet' })],
    ['each.key', /lists objects by a key/, (p) => map(p, { format: 'objects', key: 'k', item })],
    ['each.prefix', /reads a manifest by a prefix/, (p) => map(p, { format: 'manifest', prefix: 'k', item })],
    ['each.key', /without a key/, (p) => map(p, { ...source, key: '' })],
    ['each.key', /has the key "a\*"/, (p) => map(p, { ...source, key: 'a*' })],
    ['each.key', /of 1025 bytes/, (p) => map(p, { ...source, key: 'x'.repeat(1_025) })],
    ['each.bucket', /names the bucket "arn:aws:s3:::b"/, (p) => map(p, { ...source, bucket: 'arn:aws:s3:::b' })],
    ['each.bucket', /only when it runs/, (p, { name }) => map(p, { ...source, bucket: name })],
    ['each.buckets', /names the bucket "B"/, (p, { name }) => map(p, { ...source, bucket: name, buckets: ['B'] })],
    [
      'each.results.bucket',
      /only when it runs/,
      (p, { name }) => map(p, source, { results: { bucket: name, prefix: 'r' } }),
    ],
    ['each.limit', /at most 0 records/, (p) => map(p, { ...source, limit: 0 })],
    ['each.columns', /two of one name/, (p) => map(p, { ...source, format: 'csv', columns: ['key', 'key'] })],
    ['each.columns', /none of its columns/, (p) => map(p, { ...source, format: 'csv', columns: ['other'] })],
    [
      'each.item.n',
      /fields are text, and "n" is not/,
      (p) => map(p, { ...source, format: 'csv', item: item.extend({ n: z.int() }) }),
    ],
    ['each.pointer', /looks for its list at "rows"/, (p) => map(p, { ...source, format: 'json', pointer: 'rows' })],
    ['each.concurrency', /runs -1 at once/, (p) => map(p, source, { concurrency: -1 })],
    ['each.batch', /batches of no size/, (p) => map(p, source, { batch: {} })],
    ['each.batch.items', /batches of 0 records/, (p) => map(p, source, { batch: { items: 0 } })],
    ['each.batch.bytes', /batches of 300000 bytes/, (p) => map(p, source, { batch: { bytes: 300_000 } })],
    ['each.tolerate', /tolerates nothing/, (p) => map(p, source, { tolerate: {} })],
    ['each.tolerate.count', /tolerates 1.5 failures/, (p) => map(p, source, { tolerate: { count: 1.5 } })],
    ['each.tolerate.share', /a share of 5/, (p) => map(p, source, { tolerate: { share: 5 } })],
    [
      'each',
      /stands in "around", which repeats it/,
      (p) =>
        p.map('around', ['x'], (_, q) => q.mapS3('each', source, (one, r) => r.job('take', takeKey, { key: one.key }))),
    ],
    ['each', /does nothing with its records/, (p) => p.mapS3('each', source, () => undefined)],
    [
      'ask',
      /asks a person, for every record/,
      (p) =>
        p.mapS3('each', source, (_, q) => {
          q.approve('ask', { message: 'sure?' });
        }),
    ],
  ])('is told at %s: %s', (path, message, record) => {
    const [first, ...others] = told(record);
    expect(others).toStrictEqual([]);
    expect(first).toMatchObject({ code: 'BS1127', path: ['wrong', ...path.split('.')] });
    expect(first?.message).toMatch(message);
    expect(first?.hint).toMatch(/\w/);
    expect(first?.source?.file).toMatch(/maps-s3\.test\.ts$/);
  });

  it('has a record that is used outside of its body', () => {
    const [first] = told((p) => {
      let seen: unknown;
      p.mapS3('each', source, (one, q) => {
        seen = one.key;
        return q.job('take', takeKey, { key: one.key });
      });
      p.job('later', takeKey, { key: seen as never });
    });
    expect(first).toMatchObject({ code: 'BS1106', path: ['wrong', 'later', 'input'] });
  });
});

describe('the machine of a map over S3', () => {
  const artifactOf = ({ ir }: Pipeline) => {
    const compiled = compilePipeline(ir, { sha256: () => 'v' });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
    return compiled.artifact;
  };

  it('reads, batches, bears and writes as its author says, and hands its executions what they read', () => {
    const { States: states } = artifactOf(batched as Pipeline).definition as unknown as {
      readonly States: { readonly [name: string]: { readonly [field: string]: unknown } };
    };
    const { ItemProcessor: processor, ...map } = states['orders'] ?? {};
    expect(map).toMatchInlineSnapshot(`
      {
        "Assign": {
          "orders_run": "{% $states.result %}",
        },
        "ItemBatcher": {
          "BatchInput": {
            "bunsui": "{% {"root": $states.context.{"execution": Execution.Id, "startedAt": Execution.StartTime, "block": Execution.Input.bunsui}, "values": {"rates": $rates}, "input": {}} %}",
          },
          "MaxItemsPerBatch": 3,
        },
        "ItemReader": {
          "Arguments": {
            "Bucket": "\${platform:bucket}",
            "Key": "orders.jsonl",
          },
          "ReaderConfig": {
            "InputType": "JSONL",
          },
          "Resource": "arn:aws:states:::s3:getObject",
        },
        "ItemSelector": {
          "index": "{% $states.context.Map.Item.Index %}",
          "value": "{% $states.context.Map.Item.Value %}",
        },
        "Label": "orders",
        "Next": "orders totals",
        "Output": {},
        "ResultWriter": {
          "Arguments": {
            "Bucket": "\${platform:bucket}",
            "Prefix": "{% "maps/batched/" & $split($states.context.Execution.Id, ":")[-1] & "/orders" %}",
          },
          "Resource": "arn:aws:states:::s3:putObject",
          "WriterConfig": {
            "OutputType": "JSONL",
            "Transformation": "COMPACT",
          },
        },
        "ToleratedFailurePercentage": 50,
        "Type": "Map",
      }
    `);
    expect(processor).toMatchInlineSnapshot(`
      {
        "ProcessorConfig": {
          "ExecutionType": "STANDARD",
          "Mode": "DISTRIBUTED",
        },
        "StartAt": "orders batch",
        "States": {
          "charge": {
            "Arguments": {
              "FunctionName": "\${operation:charge-all}",
              "Payload": {
                "bunsui": "{% $states.context.{"job": $states.input.path & "/charge", "operation": "charge-all", "attempt": State.RetryCount, "redrive": Execution.RedriveCount, "execution": Execution.Input.BatchInput.bunsui.root.execution, "startedAt": Execution.Input.BatchInput.bunsui.root.startedAt, "block": Execution.Input.BatchInput.bunsui.root.block} %}",
                "input": {
                  "first": "{% $states.input.indexes.orders %}",
                  "orders": "{% $states.input.items.orders %}",
                  "rate": "{% $states.context.Execution.Input.BatchInput.bunsui.values.rates.rate %}",
                },
              },
            },
            "End": true,
            "Output": "{% $states.result.Payload %}",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Retry": [
              {
                "BackoffRate": 2,
                "ErrorEquals": [
                  "Lambda.ClientExecutionTimeoutException",
                  "Lambda.ServiceException",
                  "Lambda.AWSLambdaException",
                  "Lambda.SdkClientException",
                  "Lambda.TooManyRequestsException",
                  "Bunsui.RecordFailed",
                ],
                "IntervalSeconds": 2,
                "JitterStrategy": "FULL",
                "MaxAttempts": 6,
              },
            ],
            "Type": "Task",
          },
          "orders batch": {
            "Next": "charge",
            "Output": {
              "indexes": {
                "orders": "{% $states.input.Items[0].index %}",
              },
              "items": {
                "orders": "{% [$states.input.Items.value] %}",
              },
              "path": "{% "orders[" & $string($states.input.Items[0].index) & "]" %}",
            },
            "Type": "Pass",
          },
        },
      }
    `);
    expect(states['orders totals']).toMatchInlineSnapshot(`
      {
        "Arguments": {
          "MapRunArn": "{% $orders_run.MapRunArn %}",
        },
        "Assign": {
          "orders": "{% {"total": $states.result.ItemCounts.Total, "succeeded": $states.result.ItemCounts.Succeeded, "failed": $states.result.ItemCounts.Total - $states.result.ItemCounts.Succeeded, "results": {"bucket": $orders_run.ResultWriterDetails.Bucket, "key": $orders_run.ResultWriterDetails.Key}} %}",
        },
        "Next": "any",
        "Output": {},
        "Resource": "arn:aws:states:::aws-sdk:sfn:describeMapRun",
        "Retry": [
          {
            "BackoffRate": 2,
            "ErrorEquals": [
              "States.ALL",
            ],
            "IntervalSeconds": 2,
            "JitterStrategy": "FULL",
            "MaxAttempts": 6,
          },
        ],
        "Type": "Task",
      }
    `);
  });

  it('counts as one state of its history, and as many transitions as there are records', () => {
    const bounds = boundsOf(artifactOf(perRecord as Pipeline));
    expect(bounds.machines[0]?.events).toStrictEqual({ min: 18, max: 18 });
    expect(bounds.transitions).toStrictEqual({ min: 3, max: Number.POSITIVE_INFINITY });
  });

  it('is a group in the graph, and says what its records are', () => {
    const group = graphOf(perRecord.ir).nodes.find(({ id }) => id === 'orders');
    expect(group).toMatchObject({
      kind: 'mapS3',
      concurrency: 2,
      body: { nodes: [{ id: 'charge' }, { id: 'again' }] },
    });
    expect(toMermaid(graphOf(batched.ir))).toMatch(
      /subgraph orders\["orders#58; each batch of 3, line of #34;orders.jsonl/,
    );
    const { nodes } = explainPipeline(artifactOf(batched as Pipeline));
    expect(nodes.find(({ id }) => id === 'orders')).toMatchObject({
      kind: 'mapS3',
      states: { map: ['orders'], start: ['orders batch'], totals: ['orders totals'] },
    });
  });
});
