"""
Delivers log events to functions as CloudWatch Logs does: some time later, several at once, and nobody waits for it.

LocalStack calls the function for each log event while the writer waits. For a state machine that logs its execution the
writer is the execution: each of its events would wait for a function, which could not even read the execution's
history meanwhile, because that is locked.

One delivery at a time per function; what is logged in the meantime goes with the next one.
"""

import base64
import gzip
import json
import logging
import threading
import time

from localstack.runtime import hooks

LOG = logging.getLogger(__name__)
# What is written within this time goes together.
GATHER_SECONDS = 0.1
# As many as AWS puts into one delivery at the most would be thousands; fewer keep the first ones quick.
MAX_EVENTS = 500
# Lambda tries an asynchronous event three times.
TRIES = 3


class Deliveries:
    """The log events that one function is to get."""

    def __init__(self, function: str):
        self.function = function
        self.waiting: list[tuple[object, dict]] = []
        self.changed = threading.Condition()
        threading.Thread(target=self.deliver, daemon=True, name=f"subscription-{function}").start()

    def put(self, client, event: dict) -> None:
        delivery = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
        with self.changed:
            self.waiting.append((client, delivery))
            self.changed.notify()

    def take(self) -> tuple[object, dict]:
        """The next delivery: what waits of the log stream that has waited for longest."""
        with self.changed:
            while not self.waiting:
                self.changed.wait()
        time.sleep(GATHER_SECONDS)
        with self.changed:
            client, first = self.waiting[0]
            rest, events = [], []
            for entry in self.waiting:
                same = all(entry[1][name] == first[name] for name in ("logGroup", "logStream", "subscriptionFilters"))
                if same and len(events) < MAX_EVENTS:
                    events.extend(entry[1]["logEvents"])
                else:
                    rest.append(entry)
            self.waiting = rest
        return client, {**first, "logEvents": events}

    def deliver(self) -> None:
        while True:
            client, delivery = self.take()
            data = base64.b64encode(gzip.compress(json.dumps(delivery).encode())).decode()
            for _ in range(TRIES):
                try:
                    answer = client.invoke(FunctionName=self.function, Payload=json.dumps({"awslogs": {"data": data}}))
                    if "FunctionError" not in answer:
                        break
                except Exception as error:
                    # The function may be gone, and so may be everything else: LocalStack is stopping.
                    LOG.debug("log events not delivered to %s: %s", self.function, error)
                    break


class Postbox:
    """A client of Lambda that takes events for later; all else it passes on."""

    def __init__(self, client, deliveries: dict[str, Deliveries], lock: threading.Lock):
        self.client, self.deliveries, self.lock = client, deliveries, lock

    def request_metadata(self, **metadata):
        return Postbox(self.client.request_metadata(**metadata), self.deliveries, self.lock)

    def invoke(self, FunctionName: str, Payload: str):
        with self.lock:
            if FunctionName not in self.deliveries:
                self.deliveries[FunctionName] = Deliveries(FunctionName)
        self.deliveries[FunctionName].put(self.client, json.loads(Payload))

    def __getattr__(self, name):
        return getattr(self.client, name)


class Clients:
    """Clients of all services, that of Lambda as a postbox."""

    def __init__(self, clients, *postbox):
        self.clients, self.postbox = clients, postbox

    @property
    def lambda_(self):
        return Postbox(self.clients.lambda_, *self.postbox)

    def __getattr__(self, name):
        return getattr(self.clients, name)


class Connect:
    """What the provider of CloudWatch Logs gets its clients from."""

    def __init__(self, connect, *postbox):
        self.connect, self.postbox = connect, postbox

    def __call__(self, *args, **options):
        return Clients(self.connect(*args, **options), *self.postbox)

    def with_assumed_role(self, *args, **options):
        return Clients(self.connect.with_assumed_role(*args, **options), *self.postbox)

    def __getattr__(self, name):
        return getattr(self.connect, name)


@hooks.on_infra_start()
def deliver_later():
    from localstack.services.logs import provider

    provider.connect_to = Connect(provider.connect_to, {}, threading.Lock())
