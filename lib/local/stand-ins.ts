/**
 * Stand-ins: functions that take the place of services on this machine. A job whose operation names one calls it with
 * what the service would have been called with, and goes on with what it answers; everything else of the definition
 * stays. An existing function (`lambdaArn`) is called as ever, only it is the stand-in that is called.
 */
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';

type JsonObject = { readonly [key: string]: Json };

/** @param functions ARNs of stand-ins, by operation */
export function withStandIns(
  machine: PipelineArtifact['definition'],
  origins: PipelineArtifact['states'],
  functions: ReadonlyMap<string, string>,
): PipelineArtifact['definition'] {
  if (functions.size === 0) return machine;
  const inside = (inner: Json): Json => withStandIns(inner as JsonObject, origins, functions);
  const stateOf = (name: string, state: JsonObject): JsonObject => {
    const { Branches, ItemProcessor } = state;
    if (Array.isArray(Branches)) return { ...state, Branches: Branches.map(inside) };
    if (ItemProcessor !== undefined) return { ...state, ItemProcessor: inside(ItemProcessor) };
    const { role, operation = '' } = origins[name] ?? {};
    const arn = role === 'job' ? functions.get(operation) : undefined;
    return arn === undefined ? state : calling(state, arn);
  };
  const states = Object.entries(machine['States'] as JsonObject);
  return {
    ...machine,
    States: Object.fromEntries(states.map(([name, state]) => [name, stateOf(name, state as JsonObject)])),
  };
}

function calling(state: JsonObject, functionArn: string): JsonObject {
  if (state['Resource'] !== 'arn:aws:states:::lambda:invoke') return { ...state, Resource: functionArn };
  return { ...state, Arguments: { ...(state['Arguments'] as JsonObject), FunctionName: functionArn } };
}
