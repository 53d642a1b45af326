import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isPayload,
  type Keep,
  lonePointerBytes,
  maxInlineBytes,
  pack,
  type Packed,
  payloadKey,
  piecesOf,
  pointerBytes,
  pointersIn,
  pointerText,
  unpack,
  unpackedBytes,
} from '../lib/payload-layout.ts';

const refuse = (text: string): never => {
  throw new Error(`refused ${text}`);
};

async function packed(value: unknown, keep: Keep, maxBytes = maxInlineBytes): Promise<Packed> {
  const made = await pack(value, JSON.stringify(value), keep, maxBytes);
  if ('reason' in made) throw new Error(`${made.reason}: ${JSON.stringify(made)}`);
  return made;
}

/** The texts behind a packed value's pointers, cut out of its object and checked. */
async function textsOf({ value, object }: Packed): Promise<(pointer: string) => string> {
  const texts = new Map<string, string>();
  for (const [pointer, payload] of pointersIn(value, refuse)) {
    const bytes = object?.body.slice(payload.start, payload.start + payload.bytes) ?? new Uint8Array();
    if (payload.object !== object?.name || !(await isPayload(payload, bytes))) throw new Error('not its bytes');
    texts.set(pointer, new TextDecoder().decode(bytes));
  }
  return (pointer) => texts.get(pointer) ?? refuse(pointer);
}

async function restored(made: Packed): Promise<unknown> {
  return unpack(made.value, await textsOf(made));
}

/** A list of one text that has exactly so many bytes as JSON, of characters with several bytes as far as it goes. */
function sized(bytes: number): unknown {
  const inner = bytes - 4;
  return [`${'é'.repeat(inner >> 1)}${'x'.repeat(inner & 1)}`];
}

describe('a value that is packed', () => {
  it.each([maxInlineBytes - 1, maxInlineBytes])('of %d bytes stays as it is', async (bytes) => {
    const made = await packed(sized(bytes), {});
    expect([made.object, Buffer.byteLength(made.text)]).toStrictEqual([undefined, bytes]);
  });

  it.each([maxInlineBytes + 1, 200_000, 262_143, 262_144, 262_145, 409_600])(
    'of %d bytes is moved, and is the same again',
    async (bytes) => {
      const value = sized(bytes);
      const made = await packed(value, {});
      expect(made.object?.body.length).toBe(bytes);
      expect(Buffer.byteLength(made.text)).toBeLessThanOrEqual(lonePointerBytes);
      expect(unpackedBytes(made.value)).toBe(bytes);
      expect(await restored(made)).toStrictEqual(value);
    },
  );

  it('is moved where only a pointer to it alone fits, and two values take longer pointers', async () => {
    const alone = await packed({ text: 'z'.repeat(80) }, {}, lonePointerBytes);
    expect(await restored(alone)).toStrictEqual({ text: 'z'.repeat(80) });
    const value = { a: 'a'.repeat(200), b: 'b'.repeat(200) };
    const both = await packed(value, { a: {}, b: {} }, 2 * pointerBytes + 12);
    expect(await restored(both)).toStrictEqual(value);
    expect(Buffer.byteLength(both.text)).toBeGreaterThan(2 * lonePointerBytes + 12);
  });

  it('keeps in place what is named and moves the rest of each object together', async () => {
    const value = { rows: 3, text: 'y'.repeat(50_000), note: null, deep: { flag: true, list: sized(40_000) } };
    const made = await packed(value, { rows: true, deep: { flag: true } });
    const { [payloadKey]: rest, ...kept } = made.value as { [key: string]: unknown };
    expect([typeof rest, kept]).toStrictEqual([
      'string',
      { rows: 3, deep: { flag: true, [payloadKey]: expect.any(String) as unknown } },
    ]);
    expect(await restored(made)).toStrictEqual(value);
  });

  it('moves the largest first and stops where the others fit', async () => {
    const value = { a: 'a'.repeat(20_000), b: 'b'.repeat(30_000), c: 'c'.repeat(10_000) };
    const made = await packed(value, { a: {}, b: {}, c: {} });
    expect(made.value).toStrictEqual({ ...value, b: { [payloadKey]: expect.any(String) as unknown } });
  });

  it('keeps a list that is gone through, with its items moved', async () => {
    const value = { files: [1, 2, 3].map((id) => ({ id, text: 'z'.repeat(20_000) })) };
    const made = await packed(value, { files: { '*': { id: true } } });
    expect((made.value as { files: { id: number }[] }).files.map(({ id }) => id)).toStrictEqual([1, 2, 3]);
    expect(await restored(made)).toStrictEqual(value);
  });

  it('is refused with its largest parts when what must stay does not fit', async () => {
    const value = { names: sized(30_000), label: 'x'.repeat(9_998), other: 'y'.repeat(100_000) };
    expect(await pack(value, JSON.stringify(value), { names: true, label: true }, 32_768)).toMatchObject({
      reason: 'large',
      kept: [
        { path: 'names', bytes: 30_000 },
        { path: 'label', bytes: 10_000 },
      ],
    });
  });

  it('takes no list apart that has too many items', async () => {
    const value = Array.from({ length: 200_000 }, () => 1);
    const made = await pack(value, JSON.stringify(value), { '*': {} });
    expect(made).toStrictEqual({ reason: 'large', bytes: 400_001, kept: [{ path: '', bytes: 400_001 }] });
  });
});

describe("a user's value that looks like a pointer", () => {
  const forged = { [payloadKey]: `${'A'.repeat(22)}/0+10/${'B'.repeat(27)}` };

  it.each<[string, unknown, Keep]>([
    ['alone', forged, {}],
    ['beside others', { ...forged, rows: 1 }, { rows: true }],
    ['deep inside', { rows: 1, list: [[{ x: forged }]] }, { rows: true }],
    ['of another form', { rows: 1, [payloadKey]: 7 }, { rows: true }],
    ['as an item', [forged, { id: 1 }], { '*': {} }],
  ])('is moved however small it is, %s, and is the same again', async (_, value, keep) => {
    const made = await packed(value, keep);
    expect(made.text).not.toContain('AAAA');
    expect(await restored(made)).toStrictEqual(value);
  });

  it('is refused where an expression reads it', async () => {
    const value = { meta: { inner: forged } };
    expect(await pack(value, JSON.stringify(value), { meta: true })).toStrictEqual({
      reason: 'reserved',
      path: 'meta',
    });
  });

  it('is refused where bunsui has written none', () => {
    expect(() => pointersIn([{ [payloadKey]: 'x' }], refuse)).toThrow(`refused {"${payloadKey}":"x"}`);
  });
});

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, 0, -1.5, 1e21),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'x-y', '__proto__', payloadKey, '*'), tie('value'), { maxKeys: 5 }),
  ),
})).value;
const keep = fc.letrec<{ keep: Keep }>((tie) => ({
  keep: fc.oneof(
    { maxDepth: 3 },
    fc.constant<Keep>(true),
    fc.dictionary(fc.constantFrom('a', 'b', 'x-y', '*'), tie('keep'), { maxKeys: 3 }),
  ),
})).keep;

describe('every value', () => {
  it('comes back from packing as it was, at any size that it is packed to, or is refused', async () => {
    await fc.assert(
      fc.asyncProperty(json, keep, fc.integer({ min: 2, max: 600 }), async (value, kept, maxBytes) => {
        const text = JSON.stringify(value);
        const made = await pack(value, text, kept, maxBytes);
        if ('reason' in made) return;
        expect(Buffer.byteLength(made.text)).toBeLessThanOrEqual(maxBytes);
        const textOf = await textsOf(made);
        const plain: unknown = JSON.parse(text);
        expect(unpack(JSON.parse(made.text), textOf)).toStrictEqual(plain);
        const pieces = piecesOf(JSON.parse(made.text)).map((piece) => {
          if (typeof piece === 'string') return piece;
          const whole = textOf(pointerText(piece));
          return piece.inside ? whole.slice(1, -1) : whole;
        });
        expect(JSON.parse(pieces.join(''))).toStrictEqual(plain);
        expect(unpackedBytes(made.value)).toBe(Buffer.byteLength(pieces.join('')));
      }),
      { numRuns: 400 },
    );
  });
});
