class OutOfDatesError extends Error {}

export function checkDate(date: string): void {
  if (date.startsWith('-')) throw new OutOfDatesError('before the common era');
}
