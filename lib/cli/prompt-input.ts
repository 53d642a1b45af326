/** Asks a person at the terminal for the required fields of an input that were not given. */
import type { Json } from '../ir/expressions.ts';
import type { PipelineIr } from '../ir/nodes.ts';
import { allowedText } from './allowed-values.ts';
import { ask, canAsk } from './ask.ts';
import { inputMistakes } from './checked-input.ts';
import type { CommandContext } from './context.ts';
import { harmlessLine } from './harmless.ts';
import { typedParameter } from './input.ts';

type InputOf = Pick<PipelineIr, 'id' | 'input'>;
type InputObject = { readonly [key: string]: Json };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Required fields that are not there, in the order of the schema. */
function missingFields({ input: schema }: InputOf, given: InputObject): readonly string[] {
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  const properties = isRecord(schema['properties']) ? schema['properties'] : {};
  const hasDefault = (name: string) => isRecord(properties[name]) && 'default' in properties[name];
  return Object.keys(properties).filter(
    (name) => required.includes(name) && !Object.hasOwn(given, name) && !hasDefault(name),
  );
}

/** The question for a field: its name, and what its schema says of it. */
function questionOf({ input }: InputOf, name: string): string {
  const allowed = allowedText([name], input, undefined);
  return `${harmlessLine(name)}${allowed === undefined ? '' : ` (${harmlessLine(allowed)})`}: `;
}

/** An answer that does not fit is asked for again, so often. */
const maxTries = 3;

/**
 * The input with what was missing. Where nobody can be asked, or a program reads the output, it is given back as it is.
 *
 * @param before is called before the first question
 */
export async function promptMissing(
  context: CommandContext,
  pipeline: InputOf,
  given: InputObject,
  { json }: { readonly json?: true },
  before: () => void = () => {},
): Promise<InputObject> {
  if (json || !canAsk(context)) return given;
  return fillMissing(
    pipeline,
    given,
    async (question) => {
      before();
      return ask(context, question, '-p key=value');
    },
    (text) => context.terminal.err.write(`${text}\n`),
  );
}

/** Asks for each missing field until its answer fits. @param say tells what is wrong with an answer */
export async function fillMissing(
  pipeline: InputOf,
  given: InputObject,
  asked: (question: string) => Promise<string>,
  say: (text: string) => void,
): Promise<InputObject> {
  let filled = given;
  for (const name of missingFields(pipeline, given)) {
    for (let tries = 1; tries <= maxTries; tries += 1) {
      const value = typedParameter(name, await asked(questionOf(pipeline, name)), pipeline.input);
      const next = { ...filled, [name]: value };
      const mistake = inputMistakes(pipeline, next).find(({ path }) => path[2] === name);
      if (mistake === undefined || tries === maxTries) filled = next;
      if (mistake === undefined) break;
      say(mistake.message);
    }
  }
  return filled;
}
