"""
One execution environment = one Node process plus one Lambda Runtime API server that it polls.

    LocalStack ── invoke() ──> inbox ── GET next ──> node bootstrap ── handler
               <── result  <── outcome <── POST response | error ──┘

The process is restarted before the next invocation when it timed out or exited, as Lambda does.

Environment: LAMBDA_HOST_NODE (path of the node binary, default "node" from PATH).
"""

import json
import logging
import math
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from .recorder import write as record

LOG = logging.getLogger(__name__)
BOOTSTRAP = Path(__file__).with_name("bootstrap.mjs")
API = "/2018-06-01/runtime"
# The bootstrap prints it when a handler has ended: all that the handler printed stands before it.
END_OF_OUTPUT = b"\x00end of output\n"
# What one invocation prints beyond this is dropped.
MAX_LOG_BYTES = 1024 * 1024


def error_payload(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


class RuntimeApiHandler(BaseHTTPRequestHandler):
    """Serves https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html to one process."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        executor: HostRuntimeExecutor = self.server.executor
        executor.outcomes.put(("ready", None, b""))
        invocation = executor.inbox.get()
        if invocation is None:  # stopping
            self.close_connection = True
            return
        self.reply(
            200,
            invocation["payload"].encode(),
            {
                "Lambda-Runtime-Aws-Request-Id": invocation["invoke-id"],
                "Lambda-Runtime-Invoked-Function-Arn": invocation["invoked-function-arn"],
                "Lambda-Runtime-Trace-Id": invocation["trace-id"],
                "Lambda-Runtime-Deadline-Ms": str(invocation["deadline-ms"]),
            },
        )

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = self.path.removeprefix(API).strip("/").split("/")
        if parts == ["init", "error"]:
            self.server.executor.outcomes.put(("init-error", None, body))
            self.reply(202, b"{}")
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] in ("response", "error"):
            kind = "crash" if self.headers.get("X-Exiting") else parts[2]
            self.server.executor.outcomes.put((kind, parts[1], body))
            self.reply(202, b"{}")
        else:
            self.reply(404)


class RuntimeApiServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        LOG.debug("Runtime API connection ended", exc_info=True)  # the process went away: expected


class HostRuntimeExecutor(RuntimeExecutor):
    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id=id, function_version=function_version)
        self.inbox: queue.Queue = queue.Queue()
        self.outcomes: queue.Queue = queue.Queue()
        self.process: subprocess.Popen | None = None
        self.server: RuntimeApiServer | None = None
        self.env: dict[str, str] = {}
        self.log_chunks: list[bytes] = []
        self.log_bytes = 0
        self.all_output = threading.Event()
        self.tmp: str | None = None

    # --- lifecycle

    def start(self, env_vars: dict[str, str]) -> None:
        runtime = self.function_version.config.runtime or ""
        if not runtime.startswith("nodejs"):
            raise StatusErrorException(
                "unsupported runtime",
                payload=error_payload(
                    "Runtime.Unsupported", f"the host executor runs nodejs runtimes only, got '{runtime}'"
                ),
            )
        task_root = str(self.function_version.config.code.get_unzipped_code_location())
        self.tmp = tempfile.mkdtemp(prefix="lambda-host-")
        self.server = RuntimeApiServer(("127.0.0.1", 0), RuntimeApiHandler)
        self.server.executor = self
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        ).start()
        self.env = {
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            "HOME": self.tmp,
            "TMPDIR": self.tmp,
            **{k: str(v) for k, v in env_vars.items()},
            "LAMBDA_TASK_ROOT": task_root,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{runtime}",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}",
        }
        record({
            "function": self.function_version.id.unqualified_arn(),
            "role": self.function_version.config.role,
            "accessKey": self.env.get("AWS_ACCESS_KEY_ID", ""),
        })  # fmt: skip
        self._spawn()

    def _spawn(self) -> None:
        """Starts node and waits until the handler module is loaded. Raises StatusErrorException if it is not."""
        self.inbox.put(None)  # frees a poll left by the previous process
        self.outcomes, self.inbox = queue.Queue(), queue.Queue()
        process = subprocess.Popen(
            [os.environ.get("LAMBDA_HOST_NODE") or "node", str(BOOTSTRAP)],
            env=self.env,
            cwd=self.env["LAMBDA_TASK_ROOT"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.process = process
        outcomes = self.outcomes
        threading.Thread(target=self._pump, args=(process, outcomes), daemon=True).start()
        try:
            kind, _, body = outcomes.get(timeout=config.LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT)
        except queue.Empty:
            kind, body = "init-error", error_payload("Sandbox.Timedout", "initialization timed out")
        if kind != "ready":
            self._kill()
            raise StatusErrorException("Environment startup failed", payload=body)

    def _pump(self, process: subprocess.Popen, outcomes: queue.Queue) -> None:
        """Collects the process's output and reports its end."""
        for line in process.stdout:
            line, end, _ = line.partition(END_OF_OUTPUT)
            if line and self.log_bytes < MAX_LOG_BYTES:
                self.log_chunks.append(line)
                self.log_bytes += len(line)
            if end:
                self.all_output.set()
        self.all_output.set()
        code = process.wait()
        how = f"exit status {code}" if code >= 0 else f"signal: {signal.Signals(-code).name}"
        outcomes.put(("exit", None, error_payload("Runtime.ExitError", f"Runtime exited with error: {how}")))

    def _await_exit(self) -> None:
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._kill()

    def _kill(self) -> None:
        if self.process and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()

    def stop(self) -> None:
        self._kill()
        self.inbox.put(None)
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        if self.tmp:
            shutil.rmtree(self.tmp, ignore_errors=True)

    # --- invocation

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        if self.process is None or self.process.poll() is not None:
            self._spawn()
        request_id = payload["invoke-id"]
        timeout = self.function_version.config.timeout
        self.log_chunks, self.log_bytes = [], 0
        self.all_output.clear()
        started = time.time()
        self.inbox.put({**payload, "deadline-ms": int((started + timeout) * 1000)})
        kind, body = self._await_outcome(request_id, started + timeout)
        if kind == "timeout":
            self._kill()
            body = error_payload(
                "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
            )
        elif kind == "crash":
            self._await_exit()  # the next invocation must not reach a dying process
        elif kind == "exit":
            error = json.loads(body)
            body = error_payload(error["errorType"], f"RequestId: {request_id} Error: {error['errorMessage']}")
        self.all_output.wait(timeout=1)
        logs = self._format_logs(request_id, (time.time() - started) * 1000)
        return InvocationResult(request_id, body, is_error=kind != "response", logs=logs)

    def _await_outcome(self, request_id: str, deadline: float) -> tuple[str, bytes]:
        while True:
            try:
                kind, for_id, body = self.outcomes.get(timeout=max(0.001, deadline - time.time()))
            except queue.Empty:
                return "timeout", b""
            if kind == "exit" or (kind in ("response", "error", "crash") and for_id == request_id):
                return kind, body

    def _format_logs(self, request_id: str, duration_ms: float) -> str:
        version = self.function_version.id.qualifier
        memory = self.function_version.config.memory_size
        output = b"".join(self.log_chunks).decode(errors="replace")
        if output and not output.endswith("\n"):
            output += "\n"
        return (
            f"START RequestId: {request_id} Version: {version}\n{output}END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tBilled Duration: {math.ceil(duration_ms)} ms\t"
            f"Memory Size: {memory} MB\tMax Memory Used: {self._peak_memory_mb()} MB"
        )

    def _peak_memory_mb(self) -> int:
        """The most that the process has ever taken, where the system tells (Linux), else 0."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0  # another system, or the process is gone
        peak_kb = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), "0")
        return int(peak_kb) // 1024

    # --- what LocalStack asks about

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        # An IP address, so that the SDK for JavaScript uses path-style S3 URLs by itself.
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    def get_logs(self) -> str:
        return b"".join(self.log_chunks).decode(errors="replace")

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        # The unzipped code stays: a configuration update makes a new version that shares it with the old one,
        # which is cleaned up afterwards. LocalStack deletes it with the function.
        pass
