/**
 * Generated tests draw new values in every run on a developer's machine, and the same ones in continuous integration,
 * so that a change is judged by what it changes. A failure prints its seed; `BUNSUI_FUZZ_SEED` repeats it.
 */
import fc from 'fast-check';

const wanted = process.env['BUNSUI_FUZZ_SEED'] ?? (process.env['CI'] === 'true' ? '20261121' : undefined);
if (wanted !== undefined) fc.configureGlobal({ seed: Number(wanted) });
