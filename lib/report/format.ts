/** Times, durations, counts and clipped text, as a person reads them. No locale and no clock: the same everywhere. */
import { escapeText } from '../html.ts';

/** `2026-11-21 09:31:05 UTC`. */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `850 ms`, `1.2 s`, `34 s`, `2 m 05 s`, `1 h 02 m`, `3 d 4 h`. Never negative. */
export function durationText(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1000) return `${whole} ms`;
  if (whole < 9_950) return `${(whole / 1000).toFixed(1)} s`;
  const seconds = Math.round(whole / 1000);
  if (seconds < 60) return `${seconds} s`;
  const pad = (value: number) => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

/** `12,345` or `0.25`. */
export function numberText(value: number): string {
  const [whole = '', fraction] = String(value).split('.');
  if (!/^-?\d+$/.test(whole)) return String(value);
  const grouped = whole.replaceAll(/(?<=\d)(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** `1 job`, `3 jobs`. */
export function countText(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `48.2 KiB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

/** How many bytes a text takes in UTF-8. */
export function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

export interface Clipped {
  readonly text: string;
  /** Bytes of the whole text in UTF-8, when some of it is missing. */
  readonly wholeBytes?: number;
}

/** The beginning of a text that takes at most `budget` bytes of the page, escapes included. Characters stay whole. */
export function clipText(text: string, budget: number): Clipped {
  if (text.length * 3 <= budget && !/[&<>"']/.test(text)) return { text };
  let spent = 0;
  let end = 0;
  for (const sign of text) {
    spent += utf8Bytes(escapeText(sign));
    if (spent > budget) return { text: text.slice(0, end), wholeBytes: utf8Bytes(text) };
    end += sign.length;
  }
  return { text };
}

/** A word as a shell takes it: quoted where it holds more than plain letters. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The last two parts of a path, where they say enough: `etl/pipeline.ts`. */
export function shortPath(path: string): string {
  return path.split(/[\\/]/).slice(-2).join('/');
}
