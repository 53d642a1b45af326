/** Large values in memory, for runs in virtual time: what a job's function does with them, without S3. */
import type { Json } from '../ir/expressions.ts';
import { type Keep, maxInlineBytes, type Packed, pack, pointersIn, unpack } from '../payload-layout.ts';
import { packOutput } from '../wrapper/payloads.ts';

export interface PayloadsInMemory {
  /**
   * An output as it goes through the state machine.
   * @throws as a job's function does, when what expressions read of it is too large
   */
  leave(
    called: { readonly operation: string; readonly keep?: Keep; readonly inline?: number },
    output: Json,
  ): Promise<Json>;
  /** The pipeline's input as its execution is started with. */
  begin(input: Json, keep: Keep, inline: number): Promise<Json>;
  /** A value as its reader sees it. */
  whole(value: Json): Json;
}

export function payloadsInMemory(): PayloadsInMemory {
  const objects = new Map<string, Uint8Array>();
  const kept = ({ value, object }: Packed): Json => {
    if (object !== undefined) objects.set(object.name, object.body);
    return value as Json;
  };
  const refuse = (text: string): never => {
    throw new TypeError(`not a pointer: ${text}`);
  };
  return {
    async leave({ operation, keep = {}, inline = maxInlineBytes }, value) {
      return kept(await packOutput({ operation, keep, inline }, { value, text: JSON.stringify(value) }));
    },
    async begin(value, keep, inline) {
      const packed = await pack(value, JSON.stringify(value), keep, inline);
      return 'reason' in packed ? value : kept(packed);
    },
    whole(value) {
      const pointers = pointersIn(value, refuse);
      return unpack(value, (text) => {
        const { object = '', start = 0, bytes = 0 } = pointers.get(text) ?? {};
        return new TextDecoder().decode(objects.get(object)?.slice(start, start + bytes));
      }) as Json;
    },
  };
}
