/**
 * Public definitions, of a folder that is not part of this repository (see its README): the validator accepts each, and
 * each executes to an end, with input and answers made for what it reads.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { validateDefinition } from '../../lib/asl/validate.ts';
import { type Answer, failed, memoryObjects, ok, run } from '../engine/machine.ts';
import { everythingRead } from './answers.ts';

const file = new URL('../../../shared/samples/definitions.json', import.meta.url);
const isThere = existsSync(file);
interface Sample {
  readonly id: string;
  readonly definition: object;
}
const samples = isThere ? (JSON.parse(readFileSync(file, 'utf8')) as readonly Sample[]) : [];

/** Machines that wait for something to be done ask for it again and again. */
const mostCalls = 60;
const runs = 6;

/** Runs a machine with other answers until it succeeds. @returns how the last run ended */
async function executed(definition: object): Promise<string> {
  let status = '';
  for (let number = 0; number < runs && status !== 'SUCCEEDED'; number += 1) {
    const given = everythingRead(definition, number);
    let calls = 0;
    const answer: Answer = () => {
      calls += 1;
      return calls > mostCalls ? failed('Enough') : ok({ Payload: given, ...given });
    };
    const { outcome } = await run({ QueryLanguage: 'JSONPath', ...definition }, given, answer, memoryObjects());
    ({ status } = outcome);
  }
  return status;
}

describe.skipIf(!isThere)('public definitions (skipped where ../shared/samples is not)', () => {
  test('are all accepted', () => {
    const refused = samples.flatMap(({ id, definition }) => {
      const checked = validateDefinition(definition);
      return checked.ok ? [] : [{ id, diagnostics: checked.diagnostics }];
    });
    expect(refused).toStrictEqual([]);
    expect(samples).toHaveLength(98);
  });

  test('execute to an end', async () => {
    const ended = new Map<string, string>();
    for (const { id, definition } of samples) ended.set(id, await executed(definition));
    expect([...ended].filter(([, status]) => status !== 'SUCCEEDED' && status !== 'FAILED')).toStrictEqual([]);
    // The others fail by what they are given: lists of numbers as text, files that are not there, no such item.
    expect([...ended].filter(([, status]) => status === 'SUCCEEDED').length).toBeGreaterThanOrEqual(57);
  });
});
