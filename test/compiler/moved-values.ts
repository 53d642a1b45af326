/** Values as they travel when all of them that may be in S3 are there, however short: what stays is what expressions read. */
import type { Json } from '../../lib/ir/expressions.ts';
import { type Keep, pack, type Payload, pointersIn, pointerText, unpack } from '../../lib/payload-layout.ts';

export interface MovedValues {
  leave(value: Json, keep: Keep | undefined): Promise<Json>;
  whole(value: Json): Json;
  /** How many values have been moved. */
  readonly moved: () => number;
}

export function movedValues(): MovedValues {
  const texts = new Map<string, string>();
  const textOf = ({ start, bytes }: Payload, body: Uint8Array) =>
    new TextDecoder().decode(body.slice(start, start + bytes));
  return {
    async leave(value, keep = {}) {
      const text = JSON.stringify(value);
      const least = await pack(value, text, keep, 1);
      // What is left when all is moved that makes it shorter is what it takes at least.
      const packed = 'bytes' in least ? await pack(value, text, keep, least.bytes) : least;
      if ('reason' in packed) throw new Error(JSON.stringify(packed));
      for (const [pointer, payload] of pointersIn(packed.value, refuse))
        if (packed.object) texts.set(pointer, textOf(payload, packed.object.body));
      return JSON.parse(packed.text) as Json;
    },
    whole(value) {
      const pointers = pointersIn(value, refuse);
      return unpack(value, (pointer) => {
        const payload = pointers.get(pointer);
        return (payload && texts.get(pointerText(payload))) ?? refuse(pointer);
      }) as Json;
    },
    moved: () => texts.size,
  };
}

function refuse(text: string): never {
  throw new Error(`no pointer: ${text}`);
}
