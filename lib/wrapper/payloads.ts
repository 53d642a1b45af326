/**
 * Large values of a job: its output is moved to S3 as far as it does not fit through the state machine, and what its
 * input points at is fetched before the handler sees it. See lib/payload-layout.ts for what stands in their place.
 */
import { jobErrors } from '../errors.ts';
import {
  isPayload,
  maxInlineBytes,
  type Packed,
  pack,
  pointersIn,
  type Unpackable,
  unpack,
} from '../payload-layout.ts';
import { payloadPath } from '../storage-layout.ts';
import type { Envelope } from './envelope.ts';
import { jobError } from './job-error.ts';
import { objectCalls } from './object-calls.ts';
import type { WrapperPorts } from './ports.ts';

/** Objects that are read at once, so that a long list of pointers takes neither all sockets nor all memory. */
const maxReads = 8;

type Place = Pick<Envelope, 'block' | 'job' | 'operation' | 'keep' | 'inline'>;

/** Moves what is too large, and brings it back. */
export interface Payloads {
  /**
   * An output as it goes through the state machine.
   * @throws an error named `Bunsui.OutputTooLarge` when what expressions read of it does not fit, `Bunsui.OutputInvalid` when
   *   such a part has bunsui's own key
   */
  leave(
    place: Place,
    output: { readonly value: unknown; readonly text: string },
  ): Promise<{ value: unknown; text: string }>;
  /**
   * An input as the handler sees it.
   * @throws an error named `Bunsui.InputInvalid` when it holds a pointer to nothing of this session
   */
  fetch(place: Place, input: unknown): Promise<unknown>;
}

/** @param remainingMs how long the function still has */
export function payloads(ports: WrapperPorts, remainingMs: () => number): Payloads {
  const send = objectCalls(ports, remainingMs);
  return {
    async leave(place, output) {
      const packed = await packOutput(place, output);
      const { block } = place;
      if (packed.object !== undefined) {
        const { name, body } = packed.object;
        await send('PUT', payloadPath({ ...block, object: name }), { body });
      }
      return packed;
    },

    async fetch({ block, operation }, input) {
      const refuse = (what: string): never => {
        throw jobError(jobErrors.inputInvalid, `the input of ${operation} holds ${what}, which bunsui has not written`);
      };
      const pointers = pointersIn(input, refuse);
      if (pointers.size === 0) return input;
      const texts = new Map<string, string>();
      const open = [...pointers];
      const read = async (): Promise<void> => {
        for (let next = open.shift(); next !== undefined; next = open.shift()) {
          const [key, payload] = next;
          const answer = await send('GET', payloadPath({ ...block, object: payload.object }), { range: payload });
          if (answer === undefined || !(await isPayload(payload, answer.bytes)))
            refuse(`a pointer to ${payload.object}`);
          texts.set(key, new TextDecoder().decode(answer?.bytes));
        }
      };
      await Promise.all(Array.from({ length: Math.min(maxReads, open.length) }, read));
      return unpack(input, (key) => texts.get(key) ?? 'null');
    },
  };
}

/**
 * An output without what is too large for the state machine.
 * @throws as `leave` does
 */
export async function packOutput(
  { operation, keep, inline }: Pick<Place, 'operation' | 'keep' | 'inline'>,
  { value, text }: { readonly value: unknown; readonly text: string },
): Promise<Packed> {
  const packed = await pack(value, text, keep, inline);
  if ('reason' in packed) throw refusalOf(packed, operation, inline);
  return packed;
}

function refusalOf(packed: Unpackable, operation: string, inline: number): Error {
  if (packed.reason === 'reserved')
    return jobError(
      jobErrors.outputInvalid,
      `the output of ${operation} has the key "bunsui:payload" in ${packed.path || 'it'}, which an expression of the pipeline reads; rename it`,
    );
  const shown = packed.kept.map(({ path, bytes }) => `${path || 'all of it'} (${bytes} bytes)`).join(', ');
  return jobError(
    jobErrors.outputTooLarge,
    packed.kept.length > 0 || inline >= maxInlineBytes
      ? `of the output of ${operation} ${packed.bytes} bytes of JSON have to go through the state machine, which takes ${inline} of this job: expressions of the pipeline read ${shown || 'in its lists'}; let them read less, such as a number that the handler gives`
      : `of the output of ${operation} ${packed.bytes} bytes of JSON are left when the rest is in S3, and the state machine takes ${inline} of this job, whose outputs meet too many others: give on the whole output where its parts are read one by one, or go over fewer items at once`,
  );
}
