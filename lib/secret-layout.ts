/** Secrets: what the compiler, jobs' functions and deployments agree on. */

/** A secret that a job's input holds: where in it, and its name in Secrets Manager. In the envelope of a compiled state. */
export interface SecretInput {
  readonly at: readonly (string | number)[];
  readonly name: string;
}

/** What stands in definitions, histories and records in place of a secret. */
export function secretMark(name: string): string {
  return `(secret ${name})`;
}

/** Names as Secrets Manager takes them, without ARNs: a pipeline says the same in every account. */
export function isSecretName(name: string): boolean {
  return /^[A-Za-z0-9/_+=.@-]{1,256}$/.test(name);
}
