"""
Writes down who calls what: one JSON line per call of an AWS service, for tests that compare calls with policies.

Environment: LAMBDA_HOST_CALLS (path of the file; nothing is written without it). A line that names a function says
which access key its process has; lines of calls name the access key and the resources, never contents.
"""

import json
import os
import threading

from localstack.runtime import hooks

# Parameters that name a resource. What else a request holds stays out.
RESOURCES = (
    "Bucket", "ExecutionArn", "FunctionName", "IndexName", "Key", "Prefix", "QueueUrl", "SecretId", "TableName", "TargetArn",
    "TopicArn", "executionArn", "logGroupIdentifier", "logGroupName", "mapRunArn", "stateMachineArn",
)  # fmt: skip
LOCK = threading.Lock()


def write(line: dict) -> None:
    path = os.environ.get("LAMBDA_HOST_CALLS")
    if not path:
        return
    with LOCK, open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def access_key_of(authorization: str) -> str:
    return authorization.partition("Credential=")[2].partition("/")[0]


def record_call(chain, context, response) -> None:
    if context.service is None or context.operation is None or context.is_internal_call:
        return
    request = context.service_request or {}
    resources = {name: request[name] for name in RESOURCES if isinstance(request.get(name), str)}
    if isinstance(request.get("RequestItems"), dict):
        resources["TableNames"] = sorted(request["RequestItems"])
    write({
        "accessKey": access_key_of(context.request.headers.get("Authorization", "")),
        "service": context.service.service_name,
        "operation": context.operation.name,
        "resources": resources,
        "status": response.status_code,
    })  # fmt: skip


@hooks.on_infra_start(should_load=lambda: bool(os.environ.get("LAMBDA_HOST_CALLS")))
def record_calls():
    from localstack.aws import handlers

    handlers.run_custom_finalizers.append(record_call)
