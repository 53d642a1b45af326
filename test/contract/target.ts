/** Where a contract suite runs: any endpoint that speaks AWS's protocols. */
export interface Target {
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** What clients of the SDK are made with. They try once: a refusal is what a suite asks for. */
export function clientConfig({ endpoint, region, credentials }: Target) {
  return { endpoint, region, credentials, maxAttempts: 1 };
}

/** A name that no other run has used. */
export function freshName(prefix: string): string {
  return `${prefix}-${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
}

/** The name of the error that a call is refused with. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'it was not refused',
    (error: unknown) => (error instanceof Error ? error.name : String(error)),
  );
}
