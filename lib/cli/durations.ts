/**
 * Times for people: how long something took, how long ago it was, and when.
 */

const pad = (value: number) => String(value).padStart(2, '0');

/** `0.4s`, `12.3s`, `2m 05s`, `1h 02m`, `3d 04h`. Negative or unknown lengths count as 0. */
export function duration(ms: number): string {
  const known = Number.isFinite(ms) && ms > 0 ? ms : 0;
  if (known < 59_950) return `${(known / 1000).toFixed(1)}s`;
  const seconds = Math.round(known / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h ${pad(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d ${pad(hours % 24)}h`;
}

/** `just now`, `40 s ago`, `5 min ago`, `3 h ago`, `2 days ago`. */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ago`;
  return `${Math.floor(hours / 24)} days ago`;
}

/** `2026-11-21 09:40:12` in the machine's zone; empty for what is no time. */
export function localTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** `11-21 09:40`: a time beside a relative one, which tells the year. */
export function shortTime(iso: string): string {
  return localTime(iso).slice(5, 16);
}
