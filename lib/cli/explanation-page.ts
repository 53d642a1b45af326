/** An explanation as a page for a person, and as one record for a program. */
import { basename } from 'node:path';
import { definitionLimitBytes, historyLimitEvents } from '../compiler/limits.ts';
import type { Range } from '../compiler/bounds.ts';
import type { ExplainedNode, Explanation, WaitReason } from '../compiler/explain.ts';
import { expressionText } from '../graph/expression-text.ts';
import type { Fingerprint } from '../ir/fingerprints.ts';
import { price } from '../prices.ts';
import { placeText } from './diagnostics.ts';
import { duration } from './durations.ts';
import { harmlessLine } from './harmless.ts';
import { table } from './table.ts';
import type { Output } from './terminal.ts';

interface PageOptions {
  readonly output: Output;
  readonly cwd: string;
}

/** The page: jobs in the order written, then what a run comes to. */
export function explanationLines(explanation: Explanation, options: PageOptions): readonly string[] {
  const { output, cwd } = options;
  const { palette } = output;
  const { nodes, pipeline, mode, version, source } = explanation;
  const jobs = nodes.filter(({ kind }) => kind === 'job').length;
  const rows = nodes.map((node) => [
    `${'  '.repeat(node.inside.length)}${node.isCritical ? '* ' : '  '}${node.id}`,
    `${basename(node.source.file)}:${node.source.line}`,
    String(statesOf(node)),
    startText(node, explanation),
    whyText(node),
  ]);
  return [
    `${palette.bold(pipeline)}  ${palette.dim(`version ${version}, ${count(jobs, 'job')}, mode ${mode}, ${placeText(source, cwd)}`)}`,
    '',
    ...table(
      [
        { title: '  JOB', atLeast: 16 },
        { title: 'AT', atLeast: 14, paint: palette.dim },
        { title: 'STATES', align: 'right' },
        { title: 'STARTS', atLeast: 24 },
        { title: 'WHY', atLeast: 16, paint: palette.dim },
      ],
      rows.map((cells) => cells.map(harmlessLine)),
      output.size().columns - 1,
      palette.dim,
    ),
    '',
    ...summaryLines(explanation, palette.bold),
  ];
}

function summaryLines(explanation: Explanation, bold: (text: string) => string): readonly string[] {
  const { criticalPath, transitions, gateTransitions, gateWrites, machines, estimated, nodes } = explanation;
  const waits = nodes.flatMap(({ states }) => states.gate ?? []).length;
  const most = machines.reduce((a, b) => (b.events.max > a.events.max ? b : a));
  const bytes = Math.max(...machines.map((machine) => machine.bytes));
  const long = criticalPath.nodes.length > 8;
  const shown = long ? [...criticalPath.nodes.slice(0, 4), '…', ...criticalPath.nodes.slice(-3)] : criticalPath.nodes;
  const took = estimated
    ? `${duration(criticalPath.seconds * 1_000)} by recorded durations`
    : `${count(criticalPath.nodes.length, 'node')} long, no durations are recorded`;
  const line = (name: string, text: string) => `${bold(name.padEnd(14))}${text}`;
  return [
    line('Longest path', `* ${shown.map(harmlessLine).join(' → ')}  (${took})`),
    line(
      'Gates',
      waits === 0
        ? 'none: sequences and parallels say it all'
        : `${count(waits, 'state')}, ${rangeText(gateTransitions)} transitions and ${rangeText(gateWrites)} writes a run, ${usdText(gatesUsd(explanation))}`,
    ),
    line(
      'Transitions',
      `${rangeText(transitions)} a run, ${usdText(usdOf(transitions, price.transition))}; each retry adds one`,
    ),
    line(
      'History',
      `${rangeText(most.events)} events of ${numberText(historyLimitEvents)}${most.retryEvents === 0 ? '' : `, up to ${numberText(most.retryEvents)} more when all retries are needed`}`,
    ),
    line(
      machines.length === 1 ? 'Definition' : 'Definitions',
      `${machines.length === 1 ? '' : `${machines.length} machines, the largest `}${numberText(bytes)} bytes of ${numberText(definitionLimitBytes)}`,
    ),
    ...(transitions.max === Number.POSITIVE_INFINITY
      ? ['', 'How often a map without a bound repeats nobody knows beforehand: give its list a .max(n).']
      : []),
  ];
}

const usdOf = ({ min, max }: Range, each: number): Range => ({ min: min * each, max: max * each });

/** A gate costs the states that serve it, a write to wait and one for each that opens it. */
function gatesUsd({ gateTransitions, gateWrites }: Explanation): Range {
  const states = usdOf(gateTransitions, price.transition);
  const writes = usdOf(gateWrites, price.dynamodbWrite);
  return { min: states.min + writes.min, max: states.max + writes.max };
}

const numberText = (value: number): string => (Number.isFinite(value) ? value.toLocaleString('en') : 'any number');
const count = (value: number, what: string): string => `${numberText(value)} ${what}${value === 1 ? '' : 's'}`;

function rangeText({ min, max }: Range): string {
  if (min === max) return numberText(min);
  return Number.isFinite(max) ? `${numberText(min)} to ${numberText(max)}` : `${numberText(min)} or more`;
}

function usdText({ min, max }: Range): string {
  const usd = (value: number) => value.toFixed(6);
  if (min === max) return `${usd(min)} USD`;
  return Number.isFinite(max) ? `${usd(min)} to ${usd(max)} USD` : `${usd(min)} USD or more`;
}

function startText(node: ExplainedNode, { estimated }: Explanation): string {
  const around = node.inside.at(-1);
  const start = node.waitsFor.length === 0 ? (around === undefined ? 'at once' : `with ${around}`) : afterText(node);
  return estimated && node.waitsFor.length > 0 ? `${start}, at ${duration(node.startsAfterSeconds * 1_000)}` : start;
}

function afterText({ waitsFor }: ExplainedNode): string {
  const names = waitsFor.map(({ node }) => node);
  const shown = names.slice(0, 3).join(', ');
  return `after ${shown}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
}

function whyText(node: ExplainedNode): string {
  const reads = node.waitsFor.map(reasonText).filter((text) => text !== '');
  const orders = node.waitsFor.filter((reason) => reason.reads.length === 0 && reason.barrierOf === undefined);
  const barriers = node.waitsFor.flatMap(({ node: id, barrierOf }) =>
    barrierOf === undefined ? [] : [`a barrier: ${id}${barrierOf > 1 ? ` and ${barrierOf - 1} more` : ''}`],
  );
  const parts = [
    ...(node.when === undefined ? [] : [`if ${expressionText(node.when)}`]),
    ...(node.calls === undefined ? [] : [`calls ${node.calls}`]),
    ...(node.by === undefined ? [] : [`by ${expressionText(node.by)}`]),
    ...(reads.length === 0 ? [] : [`reads ${reads.join(', ')}`]),
    ...(orders.length === 0 ? [] : ['ordered by after']),
    ...barriers,
  ];
  return parts.join('; ');
}

function reasonText({ node, reads }: WaitReason): string {
  return reads
    .map((path) => `${node}${path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')}`)
    .join(', ');
}

function statesOf({ states }: ExplainedNode): number {
  return Object.values(states).reduce((sum, names) => sum + names.length, 0);
}

/** JSON has no infinity: what has no bound is null. */
const bounded = ({ min, max }: Range) => ({ min, max: Number.isFinite(max) ? max : null });

/** The record of `--json`, in the record's kind of names. */
export function explanationRecord(
  explanation: Explanation,
  fingerprints: { readonly [job: string]: Fingerprint },
): { readonly [field: string]: unknown } {
  const { nodes, criticalPath, transitions, gateTransitions, gateWrites, machines } = explanation;
  return {
    pipeline_id: explanation.pipeline,
    version: explanation.version,
    mode: explanation.mode,
    durations_recorded: explanation.estimated,
    critical_path: criticalPath.nodes,
    critical_path_seconds: criticalPath.seconds,
    transitions: bounded(transitions),
    transitions_usd: { min: transitions.min * price.transition, max: usdOrNull(transitions.max) },
    gate_transitions: bounded(gateTransitions),
    gate_writes: bounded(gateWrites),
    machines: machines.map(({ events, retryEvents, bytes }) => ({
      history_events: bounded(events),
      retry_events: Number.isFinite(retryEvents) ? retryEvents : null,
      definition_bytes: bytes,
    })),
    nodes: nodes.map((node) => ({
      id: node.id,
      kind: node.kind,
      ...(node.operation === undefined ? {} : { operation_id: node.operation }),
      inside: node.inside,
      ...(node.when === undefined ? {} : { condition: expressionText(node.when) }),
      ...(node.by === undefined ? {} : { value: expressionText(node.by) }),
      waits_for: node.waitsFor,
      starts_after_seconds: node.startsAfterSeconds,
      seconds: node.seconds,
      critical: node.isCritical,
      states: node.states,
      ...fingerprintRecord(fingerprints[node.id]),
      file: node.source.file,
      line: node.source.line,
    })),
  };
}

const usdOrNull = (max: number) => (Number.isFinite(max) ? max * price.transition : null);

function fingerprintRecord(fingerprint: Fingerprint | undefined): object {
  return fingerprint === undefined ? {} : { fingerprint: fingerprint.all, own_fingerprint: fingerprint.own };
}
