/** A process of its own that opens the runtime of a folder and keeps it open: to be killed, or to be a second one. */
import { BunsuiError } from '../../lib/errors.ts';
import { openRuntime } from '../../lib/local/runtime.ts';

const [, , stateDir = ''] = process.argv;
try {
  const runtime = await openRuntime({ stateDir });
  const { endpoint, region, accountId, credentials, owner, pid } = runtime;
  process.send?.({ opened: { endpoint, region, accountId, credentials, stateDir: runtime.stateDir, owner, pid } });
  process.on('message', () => {
    void runtime.close().then(() => process.disconnect());
  });
} catch (error) {
  if (!(error instanceof BunsuiError)) throw error;
  process.send?.({ failed: { code: error.code, message: error.message, hint: error.hint } });
  process.disconnect();
}
