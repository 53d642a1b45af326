/** Instants as clocks of a zone show them. */
import { writeLogical } from '../schedules/logical.ts';

/** `2026-12-01 06:00 +09:00` */
export function zonedTime(instantMs: number, zone: string): string {
  return writeLogical(instantMs, zone, 'yyyy-MM-dd HH:mm XXX');
}
