/** Compares what deployed functions did with what their roles let them do. */
import { readFileSync } from 'node:fs';
import {
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  ListRolePoliciesCommand,
} from '@aws-sdk/client-iam';
import { inject } from 'vitest';
import { clientConfig } from '../contract/target.ts';
import { allows, type Statement, usesIn } from './grants.ts';
import { localstackTarget } from './target.ts';

/** IAM keeps documents percent-encoded. */
function statementsOf(document: string | undefined): readonly Statement[] {
  const text = document?.trimStart().startsWith('{') ? document : decodeURIComponent(document ?? '{"Statement":[]}');
  const { Statement: statements } = JSON.parse(text) as { readonly Statement: Statement | readonly Statement[] };
  return [statements].flat() as readonly Statement[];
}

async function statementsOfRole(iam: IAMClient, arn: string): Promise<readonly Statement[]> {
  const RoleName = arn.split('/').at(-1) ?? '';
  const { PolicyNames: names = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
  const inline = await Promise.all(
    names.map(async (PolicyName) => {
      const found = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }));
      return statementsOf(found.PolicyDocument);
    }),
  );
  const { AttachedPolicies: policies = [] } = await iam.send(new ListAttachedRolePoliciesCommand({ RoleName }));
  const attached = await Promise.all(
    policies.map(async ({ PolicyArn }) => {
      const { Policy: policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
      const version = new GetPolicyVersionCommand({ PolicyArn, VersionId: policy?.DefaultVersionId });
      return statementsOf((await iam.send(version)).PolicyVersion?.Document);
    }),
  );
  return [...inline, ...attached].flat();
}

/**
 * What functions of a stack have done so far that their roles do not allow: `role action resource`. The stack must
 * still be there. LocalStack lets everybody do everything: on AWS each of these would have been refused.
 *
 * @param stack the first part of the roles' names
 */
export async function refusedByPolicy(
  stack: string,
): Promise<{ readonly looked: number; readonly refused: readonly string[] }> {
  const iam = new IAMClient(clientConfig(localstackTarget()));
  const uses = usesIn(readFileSync(inject('localstack').calls, 'utf8')).filter(({ role }) =>
    role.includes(`:role/${stack}-`),
  );
  const roles = [...new Set(uses.map(({ role }) => role))];
  const statements = new Map(
    await Promise.all(roles.map(async (role) => [role, await statementsOfRole(iam, role)] as const)),
  );
  const refused = uses.filter((use) => !(statements.get(use.role) ?? []).some((statement) => allows(statement, use)));
  return {
    looked: uses.length,
    refused: refused.map(({ role, action, resource }) => `${role.split('/').at(-1)} ${action} ${resource}`),
  };
}
