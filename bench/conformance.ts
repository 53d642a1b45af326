/**
 * Replays recorded answers of AWS Step Functions and prints how many the engine gives as well.
 *
 *   node bench/conformance.ts DIR [--failing] [--floor FILE] [--raise] [--npm]
 *
 * DIR holds `<kind>.<category>.json` files, each a list of cases. What the engine does not speak yet counts as not passed.
 * Exit code 0 at or above the floor (FILE, or conformance-floor.json beside this program), 1 below it, 2 when DIR is
 * missing or empty. `--raise` writes the floor anew where the score is higher. `--npm` replays executions and tables on
 * npm aws-local-stepfunctions as well, and prints how many it gives.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type Case, readCases } from './conformance/cases.ts';
import { below, type Floor, raised, type Tally } from './conformance/floor.ts';
import { replayOnNpm, shownScores } from './conformance/npm-engine.ts';
import { failed, hasHistory, replay, replayTable, type Score } from './conformance/replay.ts';
import { replayTest } from './conformance/test-state.ts';
import { references, validate } from './conformance/validate.ts';

const usage = 'conformance: name a folder that holds cases, as in: conformance DIR';

interface Options {
  readonly directory: string | undefined;
  readonly floorFile: string;
  readonly failing: boolean;
  readonly raise: boolean;
  readonly npm: boolean;
}

function optionsOf(args: readonly string[]): Options {
  const floorAt = args.indexOf('--floor');
  const own = new URL('conformance-floor.json', import.meta.url).pathname;
  return {
    directory: args.find((arg, index) => !arg.startsWith('--') && (floorAt < 0 || index !== floorAt + 1)),
    floorFile: floorAt < 0 ? own : (args[floorAt + 1] ?? own),
    failing: args.includes('--failing'),
    raise: args.includes('--raise'),
    npm: args.includes('--npm'),
  };
}

function casesIn(directory: string | undefined): readonly Case[] {
  try {
    return directory === undefined ? [] : readCases(directory);
  } catch (thrown) {
    console.error(`conformance: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    return [];
  }
}

const runners: { readonly [kind: string]: (recorded: Case) => Score | Promise<Score> } = {
  execution: replay,
  table: replayTable,
  'test-state': replayTest,
  validation: validate,
  'variable-references': references,
};

async function main(): Promise<number> {
  const { directory, floorFile, failing, raise, npm } = optionsOf(process.argv.slice(2));
  const cases = casesIn(directory);
  if (cases.length === 0) {
    console.error(usage);
    return 2;
  }
  const groups = new Map<string, { -readonly [field in keyof Tally]: number }>();
  const own = { answer: 0, task: 0 };
  for (const recorded of cases) {
    const score = (await runners[recorded.kind]?.(recorded)) ?? failed;
    const key = `${recorded.kind} ${recorded.category}`;
    const group = groups.get(key) ?? { result: 0, history: 0, rows: 0, cases: 0, histories: 0, allRows: 0 };
    groups.set(key, group);
    group.cases += 1;
    group.histories += Number(hasHistory(recorded));
    group.result += Number(score.result);
    if (score.ownPart !== undefined && score.result) own[score.ownPart] += 1;
    group.history += Number(score.history);
    group.rows += score.rows ?? 0;
    group.allRows += recorded.rows?.length ?? 0;
    if (failing && !(score.result && (score.history || !hasHistory(recorded)))) {
      console.log(`${score.result ? 'history' : 'result'}\t${recorded.kind}\t${recorded.id}`);
    }
  }
  for (const [key, { result, history, rows, cases: all, histories, allRows }] of groups) {
    const more = key.startsWith('execution ')
      ? `, history ${history}/${histories}`
      : allRows > 0
        ? `, rows ${rows}/${allRows}`
        : '';
    console.log(`${key}: result ${result}/${all}${more}`);
  }
  const score: Floor = Object.fromEntries(
    [...groups].map(([key, { result, history, rows }]) => [key, { result, history, rows }]),
  );
  const floor = existsSync(floorFile) ? (JSON.parse(readFileSync(floorFile, 'utf8')) as Floor) : {};
  if (raise) writeFileSync(floorFile, `${JSON.stringify(raised(floor, score), undefined, 2)}\n`);
  const sunk = below(floor, score);
  for (const line of sunk) console.error(`conformance: below the floor: ${line}`);
  if (npm) for (const text of shownScores(await replayOnNpm(cases))) console.log(text);
  const sum = (field: keyof Tally) => [...groups.values()].reduce((total, group) => total + group[field], 0);
  if (own.answer + own.task > 0)
    console.log(
      `conformance: among the results, by the replay itself: ${own.answer} (what a client refuses to send); with a task's answer taken from the expected one: ${own.task}`,
    );
  console.log(`conformance: result ${sum('result')}/${cases.length}, history ${sum('history')}/${sum('histories')}`);
  return sunk.length === 0 ? 0 : 1;
}

// Cases that never end leave promises behind; the score is printed, so that nothing is left to wait for.
process.exit(await main());
