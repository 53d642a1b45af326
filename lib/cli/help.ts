/**
 * Help pages: what a command is for, examples first, then how it is written.
 */
import type { Argument, Command, Option } from 'commander';

/** What a page says beyond what the command's own definition holds. */
export interface HelpPage {
  readonly examples: readonly (readonly [command: string, purpose: string])[];
  readonly notes?: readonly string[];
}

const width = 80;

/** Wraps words into lines of at most `columns`. */
function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function termLines(terms: readonly (readonly [string, string])[], bold: (text: string) => string): readonly string[] {
  const termColumns = Math.min(30, Math.max(...terms.map(([term]) => term.length)));
  return terms.flatMap(([term, text]) => {
    const [first = '', ...rest] = wrap(text, width - termColumns - 4);
    return [
      `  ${bold(term.padEnd(termColumns))}  ${first}`,
      ...rest.map((line) => `${' '.repeat(termColumns + 4)}${line}`),
    ];
  });
}

function argumentText(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? name : `[${name}]`;
}

/** `bunsui run FILE [options]`. */
export function usageOf(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  const isGroup = command.commands.length > 0;
  const parts = [...names, ...(isGroup ? ['COMMAND'] : command.registeredArguments.map(argumentText)), '[options]'];
  return parts.join(' ');
}

/** The page of one command. Pages of groups list their commands. */
export function helpText(command: Command, page: HelpPage, bold: (text: string) => string): string {
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ['', bold(title), ...lines]);
  const options = (command.createHelp().visibleOptions(command) as readonly Option[]).map(
    ({ flags, description, defaultValue, helpGroupHeading: group }) => ({
      group,
      term: [flags, defaultValue === undefined ? description : `${description} (default ${defaultValue})`] as const,
    }),
  );
  const termsOf = (wanted: string | undefined) =>
    options.filter(({ group }) => group === wanted).map(({ term }) => term);
  const groups = new Set(options.map(({ group }) => group).filter((group) => group !== undefined));
  const described = command.registeredArguments.map(
    (argument) => [argumentText(argument), argument.description] as const,
  );
  const subcommands = command.commands.map(
    (sub) => [[sub.name(), ...sub.registeredArguments.map(argumentText)].join(' '), sub.summary()] as const,
  );
  return [
    ...wrap(command.description(), width),
    ...section(
      'Examples',
      page.examples.flatMap(([line, purpose]) => [`  ${line}`, `      ${purpose}`]),
    ),
    ...section('Usage', [`  ${usageOf(command)}`]),
    ...section('Commands', subcommands.length === 0 ? [] : termLines(subcommands, bold)),
    ...section('Arguments', described.length === 0 ? [] : termLines(described, bold)),
    ...section('Options', termLines(termsOf(undefined), bold)),
    ...[...groups].flatMap((group) => section(group, termLines(termsOf(group), bold))),
    ...(page.notes ?? []).flatMap((note) => ['', ...wrap(note, width)]),
    '',
  ].join('\n');
}
