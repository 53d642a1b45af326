/**
 * The fixture table on a real endpoint: each pipeline compiled, deployed with its own handlers and run. The same
 * rows that the engine runs with functions in place of the handlers.
 */
import { createHash } from 'node:crypto';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { eventually } from '../eventually.ts';
import { rows } from '../fixtures/pipelines.ts';
import { clientConfig, freshName, type Target } from './target.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** A target that pipelines can be brought to. */
export interface PipelineTarget extends Target {
  /** Brings a compiled pipeline there. @returns the ARN of its state machine. */
  deploy(artifact: PipelineArtifact): Promise<string>;
}

export function pipelinesContract(target: () => PipelineTarget): void {
  describe('a pipeline of the fixture table, deployed with its handlers', () => {
    const deployed = new Map<string, Promise<string>>();
    const machineOf = ({ pipeline }: Pick<(typeof rows)[number], 'pipeline'>): Promise<string> => {
      const { ir, calls } = pipeline;
      const known = deployed.get(ir.id);
      if (known !== undefined) return known;
      const compiled = compilePipeline(ir, { sha256 });
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
      const children = Object.values(calls).map((one) => machineOf({ pipeline: one }));
      const machine = Promise.all(children).then(() => target().deploy(compiled.artifact));
      deployed.set(ir.id, machine);
      return machine;
    };

    it.each(rows.map((row) => [row.name, row] as const))('%s ends as expected', async (_name, row) => {
      await expectEnd(row, await machineOf(row));
    });

    it.each(['n-graph', 'gated', 'failing'])(
      '%s ends as expected when it is cut into several machines',
      async (name) => {
        const row = rows.find((one) => one.name === name);
        if (row === undefined) throw new Error(name);
        const { ir } = row.pipeline;
        const compiled = compilePipeline(
          { ...ir, id: `cut-${ir.id}` },
          { sha256, budget: { bytes: 2_500, events: 20_000 } },
        );
        if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
        expect(compiled.artifact.shards).not.toBeUndefined();
        const error = 'error' in row.expected ? { error: 'States.TaskFailed' } : {};
        const machine = await target().deploy(compiled.artifact);
        await expectEnd({ ...row, expected: { ...row.expected, ...error } }, machine);
      },
    );

    const expectEnd = async (row: (typeof rows)[number], stateMachineArn: string) => {
      const sfn = new SFNClient(clientConfig(target()));
      // Defaults of the input are filled in where a session is started; here the machine is started directly.
      const input = JSON.stringify(await filledIn(row));
      const { executionArn } = await sfn.send(
        new StartExecutionCommand({ stateMachineArn, input, name: freshName('row') }),
      );
      const ended = await waitForEnd(sfn, executionArn ?? '');
      expect({
        status: ended.status,
        ...(ended.output === undefined ? {} : { output: JSON.parse(ended.output) }),
        ...(ended.error === undefined ? {} : { error: ended.error }),
      }).toStrictEqual(row.expected);
    };
  });
}

async function filledIn({ pipeline, input }: (typeof rows)[number]): Promise<unknown> {
  const checked = await pipeline.input['~standard'].validate(input);
  return 'value' in checked ? checked.value : input;
}

const waitForEnd = (sfn: SFNClient, executionArn: string) =>
  eventually(
    `the end of ${executionArn}`,
    () => sfn.send(new DescribeExecutionCommand({ executionArn })),
    ({ status }) => status !== 'RUNNING',
  );
