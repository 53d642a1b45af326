import { describe, expect, it } from 'vitest';
import { placeFunctions } from '../../lib/constructs/place-functions.ts';
import { functionPlaceholder } from '../../lib/ir/artifact.ts';

const call = (FunctionName: string, Payload: string) => ({ Arguments: { FunctionName, Payload } });

describe('placing functions', () => {
  it('fills in the fields of tasks, and leaves texts that look like them', () => {
    const load = functionPlaceholder('load');
    const tricky = `"FunctionName":"${load}" \\"FunctionName\\":"${load}" \\\${Other} \${`;
    const definition = {
      Comment: `Says ${load}`,
      StartAt: 'a',
      States: { a: call(load, tricky), b: call(load, load) },
    };
    const { text } = placeFunctions(definition, { load: '${function0}' }, { comment: '${artifact}' });
    expect(text.match(/\$\{\w+\}/g)).toStrictEqual(['${artifact}', '${function0}', '${function0}']);
    expect(JSON.parse(text)).toStrictEqual({
      Comment: `Says ${load} \${artifact}`,
      StartAt: 'a',
      States: { a: call('${function0}', tricky), b: call('${function0}', load) },
    });
  });

  it('leaves operations that nobody places, and a definition without a comment as it is', () => {
    const definition = { StartAt: 'a', States: { a: call(functionPlaceholder('constructor'), '') } };
    expect(JSON.parse(placeFunctions(definition, {}).text)).toStrictEqual(definition);
  });

  it('is ASCII, because CloudFormation reads it in a character set of its own', () => {
    const definition = { Comment: 'für 火', States: { 'fork a, … é': call('x', '🛫 \u2028') } };
    const { text } = placeFunctions(definition, {});
    expect(text).toMatch(/^[\0-\x7f]*$/);
    expect(JSON.parse(text)).toStrictEqual(definition);
  });

  it('says which operations are called', () => {
    const task = (id: string) => call(functionPlaceholder(id), '');
    const definition = { States: { a: task('load'), b: task('tidy'), c: task('load') } };
    expect(placeFunctions(definition, { load: 'x', tidy: 'y', unused: 'z' }).called).toStrictEqual([
      'load',
      'tidy',
      'load',
    ]);
  });
});
