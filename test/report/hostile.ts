/** Report data with a text put in front of every string of it, ids and field names included. */
import type { ReportData } from '../../lib/sessions/report-data.ts';

/** Fields that hold one of a few words by type; everything else may hold anything. */
const closed: ReadonlySet<string> = new Set(['kind', 'status']);

/** `prefix` before every string value and every key of a record that authors name. */
export function withPrefix(data: ReportData, prefix: string): ReportData {
  return deep(data, prefix, '') as ReportData;
}

/** The same length and shape with nothing in it that markup could take for its own. */
export function harmless(text: string): string {
  return text.replaceAll(/[<>&"']/g, 'x');
}

const authored: ReadonlySet<string> = new Set(['input', 'output', 'logs', 'fields', 'operations']);

function deep(value: unknown, prefix: string, key: string): unknown {
  if (typeof value === 'string') return closed.has(key) ? value : prefix + value;
  if (Array.isArray(value)) return value.map((item) => deep(item, prefix, key));
  if (typeof value !== 'object' || value === null) return value;
  const isCall = 'kind' in value && value.kind === 'call';
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (isCall && name === 'name') return [name, inner];
      // An expression's own fields are not the author's; the input of a job in the pipeline is an expression.
      const named = authored.has(key) && !('kind' in value);
      return [named ? prefix + name : name, deep(inner, prefix, name)];
    }),
  );
}
