/** A session's values as the command line shows them: what lies in S3 is fetched, as far as somebody reads that far. */
import { hasReservedKey } from '../payload-layout.ts';
import type { ValueOwner } from '../sessions/whole-values.ts';
import type { SessionView } from '../sessions/view.ts';
import type { SessionItem } from '../sessions/items.ts';
import type { Clients } from './clients.ts';
import { recordedValue } from '../sessions/recorded-value.ts';

/** Bytes of JSON: of what the pipeline gave, and of each other value. Nobody scrolls through more; programs take more. */
const onPage = { result: 262_144, values: 262_144 };
const forPrograms = { result: 67_108_864, values: 1_048_576 };

/** A session's record with its values, as a list of sessions gives it to a program. */
export async function wholeItem(clients: Clients, item: SessionItem): Promise<SessionItem> {
  const { input, output } = item;
  if (!hasReservedKey(input) && !hasReservedKey(output ?? '')) return item;
  const { wholeValues } = await import('../sessions/whole-values.ts');
  const whole = wholeValues(clients, item);
  const text = async (json: string) => JSON.stringify(await whole(recordedValue(json), onPage.values));
  return { ...item, input: await text(input), ...(output === undefined ? {} : { output: await text(output) }) };
}

export async function wholeToShow(
  clients: () => Promise<Clients>,
  of: ValueOwner,
  view: SessionView,
  { json }: { readonly json?: true },
): Promise<SessionView> {
  // Most sessions have nothing there: no client is loaded for them.
  if (!hasReservedKey(JSON.stringify(view))) return view;
  const { wholeView } = await import('../sessions/whole-values.ts');
  return wholeView(await clients(), of, view, json ? forPrograms : onPage);
}
