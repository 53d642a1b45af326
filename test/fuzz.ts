/** How often generated tests draw: as often as they say, or that share of it (`BUNSUI_FUZZ_SHARE`, as in `npm run mutation`). */
const share = Number(process.env['BUNSUI_FUZZ_SHARE'] ?? 1);

/** @param usual how often on a developer's machine and in continuous integration */
export function draws(usual: number): number {
  return Math.max(3, Math.ceil(usual * share));
}
