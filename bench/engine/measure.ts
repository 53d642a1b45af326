/**
 * How things are timed on a machine that others use too: in turns, so that a slow moment falls on all of them; by the
 * processor where only processors are at work; and by the best round where the disk is, which is the least disturbed one.
 */

export type Run = () => Promise<unknown>;

/** Milliseconds of one run: by the clock, and of the processor, with what V8 does beside the main thread. */
export interface Time {
  readonly wallMs: number;
  readonly processorMs: number;
}

/** Runs for this long, and once at least. */
async function timed(run: Run, forMs: number): Promise<Time> {
  const from = performance.now();
  const used = process.cpuUsage();
  let runs = 0;
  do {
    await run();
    runs += 1;
  } while (performance.now() - from < forMs);
  const { user, system } = process.cpuUsage(used);
  return { wallMs: (performance.now() - from) / runs, processorMs: (user + system) / 1_000 / runs };
}

/** Times several in turns, after rounds in which code is compiled. @returns the times of each, round by round. */
export async function inTurns(
  runs: readonly Run[],
  rounds: number,
  chunkMs: number,
): Promise<readonly (readonly Time[])[]> {
  for (const run of runs) await timed(run, chunkMs * 5);
  const times = runs.map((): Time[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, run] of runs.entries()) times[index]?.push(await timed(run, chunkMs));
  }
  return times;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Milliseconds by the clock in the best round. */
export function best(times: readonly Time[]): number {
  return Math.min(...times.map(({ wallMs }) => wallMs));
}

/** How many times as much of the processor one takes as another: the median of the rounds. */
export function processorRatio(slow: readonly Time[], fast: readonly Time[]): number {
  return median(slow.map(({ processorMs }, round) => processorMs / (fast[round]?.processorMs ?? Number.NaN)));
}
