import { DeleteStateMachineVersionCommand, ListStateMachineVersionsCommand } from '@aws-sdk/client-sfn';
import { describe, expect, it } from 'vitest';
import { isPruningTime, pruneVersions } from '../../lib/sessions/machine-versions.ts';

const machine = 'arn:aws:states:us-east-1:000000000000:stateMachine:acme-flow';
const nowMs = Date.parse('2026-11-21T00:00:30Z');
const day = 86_400_000;

/** Step Functions with versions, of which the newest is published now and each one before it so much earlier. */
function machineWith(versions: number, apartMs: number) {
  const deleted: (string | undefined)[] = [];
  const send = async (command: unknown): Promise<never> => {
    if (command instanceof DeleteStateMachineVersionCommand) {
      deleted.push(command.input.stateMachineVersionArn?.slice(machine.length));
      return {} as never;
    }
    if (!(command instanceof ListStateMachineVersionsCommand)) throw new TypeError('a call that nobody should make');
    expect(command.input).toStrictEqual({ stateMachineArn: machine, maxResults: 1_000 });
    const stateMachineVersions = Array.from({ length: versions }, (_, age) => ({
      stateMachineVersionArn: `${machine}:${versions - age}`,
      creationDate: new Date(nowMs - age * apartMs),
    }));
    return { stateMachineVersions } as never;
  };
  return { sfn: { send }, deleted };
}

describe('old versions of a machine', () => {
  it('are deleted when they are many, the oldest first to go, and so many at once as Step Functions allows', async () => {
    const { sfn, deleted } = machineWith(600, day);
    expect(await pruneVersions(sfn, machine, nowMs)).toHaveLength(50);
    expect([deleted[0], deleted.at(-1)]).toStrictEqual([':50', ':1']);
  });

  it('are left when they are few, or young', async () => {
    for (const { sfn, deleted } of [machineWith(500, day), machineWith(1_000, 14 * 60_000), machineWith(0, day)]) {
      expect(await pruneVersions(sfn, machine, nowMs)).toStrictEqual([]);
      expect(deleted).toStrictEqual([]);
    }
  });

  it('are looked for once a day, by who comes every minute', () => {
    const minutes = Array.from({ length: 2 * 1_440 }, (_, minute) => nowMs + minute * 60_000);
    expect(minutes.filter(isPruningTime)).toHaveLength(2);
  });
});
