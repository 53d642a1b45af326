/**
 * A process's output as lines: whatever comes (no newline at all, binary, half characters), bounded in memory.
 */
import { StringDecoder } from 'node:string_decoder';

/** CloudWatch Logs takes 256 KiB in an event; longer lines go on in the next. */
const maxLineLength = 64 * 1024;
const markerLength = 64;

export interface OutputLines {
  take(chunk: Uint8Array): void;
  /** Calls back when the marker has come, which ends what was written before it; or after 250 ms without it. */
  whenMarked(marker: string, act: () => void): void;
  /** Gives what has no newline yet. */
  flush(): void;
}

/** Cuts output into lines. A line that ends in NUL and a marker is the writer's sign that it has said everything. */
export function outputLines(onLine: (line: string) => void): OutputLines {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  let lastMarker = '';
  let waiting: { readonly marker: string; readonly act: () => void } | undefined;

  const arrived = () => {
    if (waiting === undefined || waiting.marker !== lastMarker) return;
    const { act } = waiting;
    waiting = undefined;
    act();
  };
  const give = (line: string) => {
    const at = line.lastIndexOf('\0');
    const marker = at < 0 ? '' : line.slice(at + 1);
    if (!/^[0-9a-f]{24}$/.test(marker)) return onLine(line);
    if (at > 0) onLine(line.slice(0, at));
    lastMarker = marker;
    arrived();
  };
  return {
    take(chunk) {
      pending += decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      let start = 0;
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n', start)) {
        give(pending.slice(start, end));
        start = end + 1;
      }
      pending = pending.slice(start);
      // The last characters stay behind: they may be the beginning of a marker.
      while (pending.length > maxLineLength + markerLength) {
        onLine(pending.slice(0, maxLineLength));
        pending = pending.slice(maxLineLength);
      }
    },
    whenMarked(marker, act) {
      waiting = { marker, act };
      arrived();
      // A handler can close its own output; its answer counts all the same.
      const late = () => {
        if (waiting?.marker !== marker) return;
        lastMarker = marker;
        arrived();
      };
      if (waiting !== undefined) setTimeout(late, 250);
    },
    flush() {
      pending += decoder.end();
      if (pending !== '') give(pending);
      pending = '';
    },
  };
}
