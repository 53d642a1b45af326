"""Drives the Step Functions endpoint by boto3: what it prints is compared by the test that runs it."""
import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

sfn = boto3.client("stepfunctions", endpoint_url=sys.argv[1], region_name=sys.argv[2],
                   # TestState and StartSyncExecution would go to a host whose name begins with `sync-`.
                   config=Config(inject_host_prefix=False))
ROLE = "arn:aws:iam::000000000000:role/machine"


def refused(call, **arguments):
    try:
        call(**arguments)
        return "taken"
    except ClientError as error:
        return f"{type(error).__name__} {error.response['Error']['Code']}"


def wait(arn):
    for _ in range(200):
        found = sfn.describe_execution(executionArn=arn)
        if found["status"] != "RUNNING":
            return found
        time.sleep(0.05)
    raise SystemExit(f"{arn} does not end")


chain = {"QueryLanguage": "JSONata", "StartAt": "a", "States": {
    "a": {"Type": "Pass", "Output": "{% $states.input.n + 1 %}", "Next": "b"},
    "b": {"Type": "Choice", "Choices": [{"Condition": "{% $states.context.Execution.RedriveCount > 0 %}", "Next": "c"}], "Default": "f"},
    "c": {"Type": "Succeed"},
    "f": {"Type": "Fail", "Error": "Broken", "Cause": "it is"}}}
machine = sfn.create_state_machine(name="by-boto", definition=json.dumps(chain), roleArn=ROLE)["stateMachineArn"]
arn = sfn.start_execution(stateMachineArn=machine, name="one", input='{"n": 1}')["executionArn"]
ended = wait(arn)
pages = list(sfn.get_paginator("get_execution_history").paginate(executionArn=arn, PaginationConfig={"PageSize": 3}))
types = [event["type"] for page in pages for event in page["events"]]
redrive = sfn.redrive_execution(executionArn=arn)
again = wait(arn)
slow = sfn.create_state_machine(
    name="slow", roleArn=ROLE, definition='{"StartAt":"w","States":{"w":{"Type":"Wait","Seconds":600,"End":true}}}')["stateMachineArn"]
running = sfn.start_execution(stateMachineArn=slow)["executionArn"]
sfn.stop_execution(executionArn=running, error="Enough", cause="of it")
stopped = sfn.describe_execution(executionArn=running)
mapped = sfn.create_state_machine(name="mapped", roleArn=ROLE, definition=json.dumps({"StartAt": "m", "States": {"m": {
    "Type": "Map", "Label": "load", "End": True, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "p", "States": {"p": {"Type": "Pass", "End": True}}}}}}))["stateMachineArn"]
mapping = sfn.start_execution(stateMachineArn=mapped, input="[1, 2, 3]")["executionArn"]
wait(mapping)
runs = [run for page in sfn.get_paginator("list_map_runs").paginate(executionArn=mapping) for run in page["mapRuns"]]
run = sfn.describe_map_run(mapRunArn=runs[0]["mapRunArn"])
children = [child for page in sfn.get_paginator("list_executions").paginate(
    mapRunArn=run["mapRunArn"], PaginationConfig={"PageSize": 2}) for child in page["executions"]]
child = sfn.describe_execution(executionArn=children[0]["executionArn"])
tested = sfn.test_state(definition='{"Type":"Pass","Parameters":{"m.$":"$.n"},"Next":"z"}', roleArn=ROLE, input='{"n":1}', inspectionLevel="DEBUG")
print(json.dumps({
    "ended": [ended["status"], ended["error"], ended["cause"], ended["startDate"].year > 2000],
    "pages": len(pages),
    "types": types,
    "redriven": [again["status"], again["error"], again["redriveCount"], redrive["redriveDate"].year > 2000],
    "stopped": [stopped["status"], stopped["error"], stopped["cause"]],
    "tested": [tested["status"], tested["output"], tested["nextState"], tested["inspectionData"]["afterParameters"]],
    "mapRun": [len(runs), run["status"], run["itemCounts"]["succeeded"], run["startDate"].year > 2000,
               len(children), children[0]["itemCount"], child["mapRunArn"] == run["mapRunArn"]],
    "refusals": [
        refused(sfn.update_map_run, mapRunArn=run["mapRunArn"], maxConcurrency=2),
        refused(sfn.describe_map_run, mapRunArn=run["mapRunArn"] + "x"),
        refused(sfn.describe_execution, executionArn=arn + "x"),
        refused(sfn.describe_execution, executionArn="arn:none"),
        refused(sfn.start_execution, stateMachineArn=machine, name="one", input='{"n": 2}'),
        refused(sfn.start_execution, stateMachineArn=machine, input="{"),
        refused(sfn.create_state_machine, name="bad", definition="{}", roleArn=ROLE),
        refused(sfn.redrive_execution, executionArn=running + "x"),
        refused(sfn.send_task_success, taskToken="none", output="1"),
    ],
}))
