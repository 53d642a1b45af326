/** The command that runs a pipeline again with the input of a session. */
import type { Json } from '../ir/expressions.ts';
import type { JsonSchema, PipelineIr } from '../ir/nodes.ts';
import { hasReservedKey } from '../payload-layout.ts';
import type { CommandContext } from './context.ts';
import { harmlessLine } from './harmless.ts';
import { typedParameter } from './input.ts';
import { shellWord, shortPath } from './places.ts';
import { recordedValue } from '../sessions/recorded-value.ts';

type JsonObject = { readonly [key: string]: Json };

/** Longer inputs are given as a file. */
const longestParameters = 200;

function isDefault(key: string, value: Json, { properties }: JsonSchema): boolean {
  const property: unknown =
    typeof properties === 'object' && properties !== null && Object.hasOwn(properties, key)
      ? Reflect.get(properties, key)
      : undefined;
  const otherwise: unknown =
    typeof property === 'object' && property !== null ? Reflect.get(property, 'default') : undefined;
  return otherwise !== undefined && JSON.stringify(otherwise) === JSON.stringify(value);
}

/** Each field as `-p key=value`; nothing when that would be long, or read as something else. */
function parameters(input: JsonObject, schema: JsonSchema): string | undefined {
  const words: string[] = [];
  for (const [key, value] of Object.entries(input)) {
    if (isDefault(key, value, schema)) continue;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const isSame = JSON.stringify(typedParameter(key, text, schema)) === JSON.stringify(value);
    if (key.includes('=') || key === '' || !isSame || harmlessLine(key + text) !== key + text) return undefined;
    words.push(`-p ${shellWord(`${key}=${text}`)}`);
  }
  const all = words.join(' ');
  return all.length > longestParameters ? undefined : all;
}

/**
 * `npx bunsui run etl/daily.ts -p date=2026-11-20`, as far as file and input are known.
 *
 * @param input JSON text, as the session's record has it.
 */
export function runAgain(context: CommandContext, pipeline: PipelineIr | undefined, input: string): string {
  const file = pipeline?.source.file ?? '';
  const run = `${context.commandName} run ${file === '' ? 'FILE' : shellWord(harmlessLine(shortPath(file, context.cwd)))}`;
  const fields = recordedValue(input);
  const isWhole =
    typeof fields === 'object' &&
    fields !== null &&
    !('truncated' in fields) &&
    !hasReservedKey(input) &&
    !Array.isArray(fields);
  const params = isWhole ? parameters(fields as JsonObject, pipeline?.input ?? {}) : undefined;
  return [run, params ?? '--input INPUT.json'].filter((part) => part !== '').join(' ');
}
