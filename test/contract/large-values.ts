/** Values that are too large for a state machine, on a real endpoint: they reach handlers whole, and no history holds them. */
import { createHash } from 'node:crypto';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { dataLimitBytes } from '../../lib/compiler/limits.ts';
import { maxInlineBytes, payloadKey } from '../../lib/payload-layout.ts';
import { eventually } from '../eventually.ts';
import { large, meeting } from '../fixtures/large/pipelines.ts';
import { around, sized } from '../fixtures/large/sized.ts';
import type { PipelineTarget } from './pipelines.ts';
import { clientConfig, freshName } from './target.ts';

const sha256 = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex');

export interface EndedRun {
  readonly status: string;
  readonly output: { readonly [field: string]: unknown };
  readonly error?: string;
  /** Bytes of the longest input, output, arguments or variables of the history, as Step Functions limits them. */
  readonly longestText: number;
  /** What functions answered, in order. */
  readonly answers: readonly unknown[];
}

/** One value, and what Step Functions and the envelope add to it. */
const shortText = 2 * maxInlineBytes;

export type RunLarge = (pipeline: 'large' | 'meeting', input: object) => Promise<EndedRun>;

/**
 * @param sizes of an output, bytes of JSON
 * @param meetings bytes of each of the outputs that meet, and how many of them are in a map
 * @returns what runs a pipeline of these
 */
export function largeValuesContract(
  target: () => PipelineTarget,
  sizes: readonly number[],
  meetings: readonly (readonly [number, number])[],
): RunLarge {
  const machines = new Map<string, Promise<string>>();
  const machineOf = (id: 'large' | 'meeting'): Promise<string> => {
    const { ir, diagnostics } = { large, meeting }[id];
    const compiled = compilePipeline(ir, { sha256: () => '0'.repeat(64) });
    if (!compiled.ok) throw new Error(JSON.stringify([...diagnostics, ...compiled.diagnostics]));
    const machine = machines.get(id) ?? target().deploy(compiled.artifact);
    machines.set(id, machine);
    return machine;
  };
  const run: RunLarge = async (pipeline, input) => {
    const sfn = new SFNClient(clientConfig(target()));
    const stateMachineArn = await machineOf(pipeline);
    const started = { stateMachineArn, name: freshName('large'), input: JSON.stringify(input) };
    const { executionArn = '' } = await sfn.send(new StartExecutionCommand(started));
    return endedRun(sfn, executionArn);
  };

  describe('an output', () => {
    it.each([...sizes])(
      'of %d bytes drives a branch and reaches a handler whole, and history holds a pointer at most',
      async (bytes) => {
        const ended = await run('large', { bytes });
        expect([ended.status, ended.error]).toStrictEqual(['SUCCEEDED', undefined]);
        const data = sized(bytes - around(12));
        const read = { bytes: Buffer.byteLength(JSON.stringify(data)), sha256: sha256(data), label: '12 rows' };
        expect(ended.answers).toContainEqual(read);
        expect(ended.longestText).toBeLessThan(shortText);
        const { data: given, ...scalars } = ended.output;
        expect(scalars).toStrictEqual({ rows: 12, few: false, digit: 7 });
        if (bytes <= maxInlineBytes) expect(given).toStrictEqual(data);
        else expect(Object.keys(given as object)).toStrictEqual([payloadKey]);
      },
      240_000,
    );
  });

  describe('values that meet', () => {
    it.each([...meetings])(
      'of %d bytes each, %d of them in a map, reach every handler whole',
      async (bytes, items) => {
        const list = Array.from({ length: items }, (_, index) => bytes + index);
        const blob = ['b'.repeat(20_000)];
        const ended = await run('meeting', { bytes, sizes: list, blob });
        expect([ended.status, ended.error]).toStrictEqual(['SUCCEEDED', undefined]);
        const made = (size: number, rows: number) => ({ rows, data: sized(size - around(rows)) });
        const seen = (data: unknown, label: string) => ({
          bytes: Buffer.byteLength(JSON.stringify(data)),
          sha256: sha256(data),
          label,
        });
        const [a, b, c] = [made(bytes, 1), made(bytes, 2), made(bytes, 3)];
        const each = list.map((size) => made(size, 1));
        expect(ended.output).toStrictEqual({
          side: seen([a.data, b, c.data], '13'),
          gated: seen([b.data, c], 'behind 2'),
          all: seen(each, 'all'),
          given: seen(blob, 'given'),
          items: seen(
            each.map(({ data }) => Buffer.byteLength(JSON.stringify(data))),
            'items',
          ),
          rows: items,
          count: items,
        });
        expect(ended.longestText).toBeLessThanOrEqual(dataLimitBytes);
      },
      240_000,
    );
  });
  return run;
}

/** LocalStack writes all that is not ASCII escaped. */
function bytesOf(json: string): number {
  return Buffer.byteLength(JSON.stringify(JSON.parse(json)));
}

/** What an event holds of the data of its execution. */
function textsOf(event: HistoryEvent): readonly string[] {
  return Object.values(event).flatMap((details) =>
    typeof details === 'object' && !(details instanceof Date)
      ? Object.entries(details).flatMap(([key, text]) => {
          if (key === 'assignedVariables') return Object.values(text as { readonly [name: string]: string });
          return ['input', 'output', 'parameters'].includes(key) && typeof text === 'string' ? [text] : [];
        })
      : [],
  );
}

async function endedRun(sfn: SFNClient, executionArn: string): Promise<EndedRun> {
  const ended: DescribeExecutionCommandOutput = await eventually(
    `the end of ${executionArn}`,
    () => sfn.send(new DescribeExecutionCommand({ executionArn })),
    ({ status }) => status !== 'RUNNING',
  );
  const answers: unknown[] = [];
  const failures: string[] = [];
  let longestText = 0;
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(new GetExecutionHistoryCommand({ executionArn, ...(nextToken && { nextToken }) }));
    for (const event of page.events ?? []) {
      longestText = Math.max(longestText, ...textsOf(event).map(bytesOf));
      const { output } = event.taskSucceededEventDetails ?? {};
      const { taskFailedEventDetails: failed } = event;
      if (failed) failures.push(`${failed.error}: ${failed.cause}`);
      if (output !== undefined) answers.push((JSON.parse(output) as { readonly Payload?: unknown }).Payload);
    }
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return {
    status: ended.status ?? '',
    output: JSON.parse(ended.output ?? '{}') as EndedRun['output'],
    ...(ended.cause === undefined ? {} : { error: [`${ended.error}: ${ended.cause}`, ...failures].join('\n') }),
    longestText,
    answers,
  };
}
