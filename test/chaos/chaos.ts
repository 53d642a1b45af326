/**
 * `npm run chaos -- [--kills N] [--at-start N] [--seed N]`: kills runs again and again, and resumes them. Needs a build.
 * The tests of every day do the same twenty times (`sigkill.test.ts`).
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    'at-start': { type: 'string', default: '4' },
    seed: { type: 'string' },
  },
});
const wrong = Object.entries(values).find(([, value]) => !/^\d{1,9}$/.test(value));
if (wrong !== undefined) {
  process.stderr.write(`--${wrong[0]} wants a whole number, not ${wrong[1]}\n`);
  process.exitCode = 2;
} else {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const { status } = spawnSync('npx', ['vitest', 'run', 'test/chaos'], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      BUNSUI_KILLS: values.kills,
      BUNSUI_KILLS_AT_START: values['at-start'],
      ...(values.seed === undefined ? {} : { BUNSUI_SEED: values.seed }),
    },
  });
  process.exitCode = status ?? 1;
}
