/** `bunsui graph`: the graph of a pipeline, or of a session with what has become of its jobs, as Mermaid, SVG or JSON. */
import { existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { BunsuiError } from '../../errors.ts';
import { type Look, plainLook } from '../../graph/figure.ts';
import { foldGraph } from '../../graph/fold.ts';
import { type GraphNode, type GraphScope, graphOf, isBox, nodesOf, type PipelineGraph } from '../../graph/graph.ts';
import type { Direction } from '../../graph/layout.ts';
import { toMermaid } from '../../graph/mermaid.ts';
import type { NodeStatus } from '../../graph/status.ts';
import { nearest } from '../../ir/spelling.ts';
import { loadChecked } from '../checked-pipeline.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { artifactOf, openForSession, sessionNamed, viewNow } from '../find-session.ts';
import { jsonLine } from '../json-lines.ts';
import { tellingLateRecords } from '../late-records.ts';
import { extensions } from '../load-pipeline.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformTarget } from '../platform-target.ts';

export interface GraphOptions {
  readonly target: PlatformTarget;
  /** Options about a platform that were typed: they mean a session. */
  readonly typedTarget: readonly string[];
  readonly direction: Direction;
  readonly format: 'mermaid' | 'svg' | 'json';
  /** Ids of nodes that are not folded. */
  readonly show?: readonly string[];
  /** Nothing is folded. */
  readonly all?: true;
}

/** What is to be drawn. */
interface Subject {
  readonly graph: PipelineGraph;
  readonly look: Look;
  readonly title: string;
  /** Ids of nodes that one wants to see in a large graph. */
  readonly urgent: readonly string[];
  /** Of a session. */
  readonly session?: { readonly session_id: string; readonly status: string; readonly version: string };
}

export async function printGraph(context: CommandContext, what: string, options: GraphOptions): Promise<number> {
  const subject = isFile(what, context.cwd)
    ? await ofFile(context, what, options)
    : await ofSession(context, what, options);
  if (subject === undefined) return exitCodes.invalid;
  const shown = options.show ?? [];
  checkShown(subject.graph, shown);
  const { out } = context.terminal;
  if (options.format === 'json') {
    out.write(graphJson(subject));
    return exitCodes.ok;
  }
  const graph = options.all ? subject.graph : foldGraph(subject.graph, [...shown, ...subject.urgent]);
  const { direction } = options;
  if (options.format === 'svg') {
    const { toSvg } = await import('../../graph/svg.ts');
    out.write(toSvg(graph, { direction, look: subject.look, title: subject.title }));
  } else {
    const statuses = statusesOf(graph, subject.look);
    out.write(toMermaid(graph, { direction, status: (id) => statuses.get(id) }));
  }
  if (graph !== subject.graph) {
    const all = nodesOf(subject.graph).length;
    context.terminal.err.write(
      `${all} nodes: some stand together in one box. --show JOB shows a job by itself, --all shows all of them.\n`,
    );
  }
  return exitCodes.ok;
}

/** A session's name has no ending and no folder: what looks like a file is one, also where it is missing. */
function isFile(what: string, cwd: string): boolean {
  const path = resolve(cwd, what);
  const isNamedSo = extensions.includes(extname(what)) || /[\\/]/.test(what);
  return isNamedSo || existsSync(path) || extensions.some((extension) => existsSync(path + extension));
}

async function ofFile(context: CommandContext, file: string, options: GraphOptions): Promise<Subject | undefined> {
  const [typed] = options.typedTarget;
  if (typed !== undefined) {
    throw new BunsuiError('ConfigError', 'BS2001', `${typed} says where a session is, and "${file}" is a file`, {
      hint: `leave it out, or name a session: its id, a part of one, or latest`,
    });
  }
  const ir = await loadChecked(context, file, { json: false });
  return ir && { graph: graphOf(ir), look: plainLook, title: ir.id, urgent: [] };
}

async function ofSession(context: CommandContext, name: string, { target }: GraphOptions): Promise<Subject> {
  const open = () => openForSession(context, target, tellingLateRecords(context));
  const { item, artifact, view, interrupted } = await readFromPlatform(open, async (platform) => {
    const session = await sessionNamed(platform, name);
    const pipeline = await artifactOf(platform, session);
    return { item: session, artifact: pipeline, ...(await viewNow(platform, session, pipeline)) };
  });
  if (interrupted) {
    context.terminal.err.write('No process works on the session: what is shown as running was interrupted.\n');
  }
  const [{ reportModel }, { sessionLook, urgentNodes }] = await Promise.all([
    import('../../report/model.ts'),
    import('../../report/graph-look.ts'),
  ]);
  const now = view.endedAt === undefined ? { updated_at: new Date().toISOString() } : {};
  // No row of a page: nothing to lead to.
  const model = reportModel({ artifact, view, session: { ...item, ...now }, logs: {} }, 0);
  return {
    graph: model.graph,
    look: sessionLook(model),
    title: `${model.graph.id}, session ${item.session_id}: ${model.status}`,
    urgent: urgentNodes(model),
    session: { session_id: item.session_id, status: model.status, version: item.pipeline_version },
  };
}

/** @throws {BunsuiError} BS3006 for an id that no node has. */
function checkShown(graph: PipelineGraph, shown: readonly string[]): void {
  const ids = nodesOf(graph).map(({ id }) => id);
  const unknown = shown.find((id) => !ids.includes(id));
  if (unknown === undefined) return;
  const near = nearest(unknown, ids);
  throw new BunsuiError('PipelineError', 'BS3006', `pipeline "${graph.id}" has no job "${unknown.slice(0, 100)}"`, {
    hint: near === undefined ? '--format json lists all of them' : `is "${near}" meant?`,
  });
}

function statusOf(node: GraphNode, look: Look): NodeStatus | undefined {
  return isBox(node) ? look.box(node).status : look.frame(node).status;
}

function statusesOf(graph: GraphScope, look: Look): ReadonlyMap<string, NodeStatus | undefined> {
  return new Map(nodesOf(graph).map((node) => [node.id, statusOf(node, look)]));
}

/** The whole graph as one line of JSON: scopes lie in their groups, as in the graph itself. */
function graphJson({ graph, look, session }: Subject): string {
  const statuses = statusesOf(graph, look);
  const { id: pipeline, nodes, edges } = graph;
  const line = jsonLine('graph', { pipeline, ...session, nodes, edges });
  if (session === undefined) return line;
  const told = JSON.parse(line, (_, value: unknown) => withStatus(value, statuses)) as object;
  return `${JSON.stringify(told)}\n`;
}

/** A node of the JSON with its status behind its id. */
function withStatus(value: unknown, statuses: ReadonlyMap<string, NodeStatus | undefined>): unknown {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('id' in value)) return value;
  const { kind, id, ...rest } = value as { readonly kind: unknown; readonly id: string };
  return { kind, id, status: statuses.get(id), ...rest };
}
