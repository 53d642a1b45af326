/** `bunsui plugin list` and `show`: the kinds of operations and channels that there are. */
import { builtInKinds } from '../../dsl/operations/built-in.ts';
import { BunsuiError } from '../../errors.ts';
import { nearest } from '../../ir/spelling.ts';
import { channelSummaries } from '../../notify/channels.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { jsonLine } from '../json-lines.ts';
import { type LoadedPlugin, loadPlugins } from '../plugins.ts';
import { findProjectFile } from '../project-file.ts';
import { table } from '../table.ts';

interface ListedKind {
  readonly kind: string;
  readonly of: 'operations' | 'channels';
  readonly icon?: string;
  readonly summary: string;
  readonly docs?: string;
  /** Absent where bunsui has it itself. */
  readonly plugin?: string;
  readonly version?: string;
}

const ownKinds: readonly ListedKind[] = [
  ...builtInKinds.map(({ kind, icon, summary }) => ({ kind, of: 'operations' as const, icon, summary })),
  ...Object.entries(channelSummaries).map(([kind, summary]) => ({ kind, of: 'channels' as const, summary })),
];

function kindsOf({ name: plugin, version, kinds, channels }: LoadedPlugin): readonly ListedKind[] {
  const from = { plugin, ...(version === undefined ? {} : { version }) };
  return [
    ...kinds.map(({ kind, icon, summary, docs }) => ({
      ...{ kind, of: 'operations' as const, icon, summary, ...from },
      ...(docs === undefined ? {} : { docs }),
    })),
    ...channels.map(({ kind, summary, docs }) => ({
      ...{ kind, of: 'channels' as const, summary, ...from },
      ...(docs === undefined ? {} : { docs }),
    })),
  ];
}

async function allKinds({ terminal, cwd }: CommandContext): Promise<readonly ListedKind[]> {
  const say = (text: string) => void terminal.err.write(`${text}\n`);
  const plugins = await loadPlugins(await findProjectFile(cwd), say);
  return [...ownKinds, ...plugins.flatMap(kindsOf)];
}

const fromText = ({ plugin, version }: ListedKind) =>
  plugin === undefined ? 'bunsui' : `${plugin}${version === undefined ? '' : ` ${version}`}`;

export async function listKinds(context: CommandContext, options: { readonly json?: true }): Promise<number> {
  const { out } = context.terminal;
  const kinds = await allKinds(context);
  if (options.json) {
    for (const { docs: _, ...kind } of kinds) out.write(jsonLine('kind', kind));
    return exitCodes.ok;
  }
  const rows = kinds.map((one) => [
    `${one.icon ?? ' '} ${one.kind}`,
    one.of,
    harmlessLine(fromText(one)),
    harmlessLine(one.summary),
  ]);
  const columns = [
    { title: '  KIND', atLeast: 14 },
    { title: 'OF' },
    { title: 'FROM', atLeast: 20 },
    { title: 'WHAT IT IS' },
  ];
  const available = out.live ? out.size().columns - 1 : Number.POSITIVE_INFINITY;
  out.write(`${table(columns, rows, available, out.palette.dim).join('\n')}\n`);
  return exitCodes.ok;
}

/** @throws {BunsuiError} BS2007 for a name that neither a kind nor a plugin has. */
export async function showKinds(context: CommandContext, name: string): Promise<number> {
  const { out } = context.terminal;
  const kinds = await allKinds(context);
  const found = kinds.filter(({ kind, plugin }) => kind === name || plugin === name);
  if (found.length === 0) {
    const near = nearest(
      name,
      kinds.flatMap(({ kind, plugin }) => [kind, ...(plugin === undefined ? [] : [plugin])]),
    );
    throw new BunsuiError('ConfigError', 'BS2007', `there is no kind or plugin "${name.slice(0, 100)}"`, {
      hint: near === undefined ? `${context.commandName} plugin list lists all of them` : `is "${near}" meant?`,
    });
  }
  const pages = found.map((one) => {
    const { bold, dim } = out.palette;
    const docs = one.docs ?? (one.of === 'operations' ? 'See docs/operations.md.' : 'See docs/notifications.md.');
    const lines = docs.trim().split('\n').map(harmlessLine);
    return [
      `${bold(`${one.icon === undefined ? '' : `${one.icon} `}${one.kind}`)}  ${harmlessLine(one.summary)}`,
      dim(`a kind of ${one.of}, from ${harmlessLine(fromText(one))}`),
      '',
      ...lines,
    ].join('\n');
  });
  out.write(`${pages.join('\n\n')}\n`);
  return exitCodes.ok;
}
