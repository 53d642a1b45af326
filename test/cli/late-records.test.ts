import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { hearEndRecords } from '../../lib/cli/late-records.ts';
import { openLocalPlatform } from '../../lib/cli/local-platform.ts';
import { ensurePlatform } from '../../lib/local/platform.ts';

const roleArn = 'arn:aws:iam::000000000000:role/r';
const definition = JSON.stringify({
  QueryLanguage: 'JSONata',
  StartAt: 'A',
  States: { A: { Type: 'Pass', End: true } },
});

it('an end that cannot be recorded is told once, with its reason, and again when it is recorded late', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const handlerFile = join(folder, 'index.mjs');
  const space = join(folder, 'space');
  writeFileSync(
    handlerFile,
    `import { existsSync } from 'node:fs';
     export const handler = async () => {
       if (!existsSync(${JSON.stringify(space)})) throw new RangeError('no space\\u001b[2J left');
     };`,
  );
  const said: string[] = [];
  let heard = Promise.withResolvers<void>();
  const open = async () => {
    heard = Promise.withResolvers<void>();
    const ends = hearEndRecords((text) => {
      said.push(text);
      heard.resolve();
    });
    const platform = await openLocalPlatform('state', folder, ends.log);
    onTestFinished(() => platform.close());
    return { ends, platform };
  };

  const first = await open();
  await ensurePlatform(first.platform.runtime, {
    functions: [{ name: 'recorder', handlerFile }],
    statusChangeTarget: 'recorder',
  });
  const json = (target: string, input: object) =>
    first.platform.local.json('states', `AWSStepFunctions.${target}`, input);
  expect(await json('CreateStateMachine', { name: 'm', definition, roleArn })).toMatchObject({ ok: true });
  const stateMachineArn = 'arn:aws:states:us-east-1:000000000000:stateMachine:m';
  const name = 'session-01abc-1';
  expect(await json('StartExecution', { stateMachineArn, name, input: '{}' })).toMatchObject({ ok: true });
  const arn = 'arn:aws:states:us-east-1:000000000000:execution:m:session-01abc-1';
  await heard.promise;
  await first.platform.close();
  expect(first.ends.failure(arn)?.reason).toBe('RangeError: no space left');

  writeFileSync(space, '');
  const second = await open();
  await heard.promise;
  expect([second.ends.failure(arn), first.ends.isLate(arn), second.ends.isLate(arn)]).toStrictEqual([
    undefined,
    false,
    true,
  ]);
  expect(said).toStrictEqual([
    'the end of the session could not be recorded: RangeError: no space left',
    'the end of the session, which could not be recorded before, is recorded now: 01abc',
  ]);
});
