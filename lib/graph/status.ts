/** What can have become of a node, in a picture of a session: told by a sign as well as by a colour. */

/** Strokes in a box of 16 by 16. */
export const statusSigns = {
  completed: '<path d="M3.5 8.5 6.5 11.5 12.5 4.8"/>',
  failed: '<path d="M4.3 4.3 11.7 11.7M11.7 4.3 4.3 11.7"/>',
  timeout: '<circle cx="8" cy="8" r="5.6"/><path d="M8 4.8V8.2L10.2 9.8"/>',
  running: '<path d="M5.4 3.6 12 8 5.4 12.4Z" fill="currentColor"/>',
  retrying: '<path d="M12.8 8A4.8 4.8 0 1 1 11.2 4.4M11.6 1.8V4.8H8.6"/>',
  waiting: '<path d="M5.4 6A2.6 2.6 0 1 1 8.8 8.4Q8 8.8 8 9.8M8 12V12.1"/>',
  cancelled: '<circle cx="8" cy="8" r="5.6"/><path d="M4.2 11.8 11.8 4.2"/>',
  skipped: '<path d="M3.5 8H12.5" stroke-dasharray="2.2 1.6"/>',
  pending: '<circle cx="8" cy="8" r="4.8" stroke-dasharray="2 1.8"/>',
} as const;

export type NodeStatus = keyof typeof statusSigns;
export const nodeStatuses = Object.keys(statusSigns) as readonly NodeStatus[];

/** Which statuses a person wants to see first. */
export const urgency: readonly NodeStatus[] = [
  'failed',
  'timeout',
  'waiting',
  'retrying',
  'running',
  'cancelled',
  'pending',
  'completed',
  'skipped',
];

/** One status for several jobs: the one a person wants to know first. */
export function worstStatus(statuses: readonly NodeStatus[]): NodeStatus | undefined {
  return urgency.find((status) => statuses.includes(status));
}
