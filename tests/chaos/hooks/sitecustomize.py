"""Faults that have to happen inside a process of the product, switched on and off by files in $CHAOS_FLAGS.

On PYTHONPATH of the suite's processes only. `twice`: every message is published twice (under a tag of its own, as
a publisher does that tries again after a lost answer). `die`: the web process is killed -9 at the moment at which it
would publish: its rows are committed, its message is not sent. `poison`: a generation worker is killed -9 when it sends
a question that holds the word POISON.
"""

import http.client
import os
import signal
import uuid
from pathlib import Path

FLAGS = Path(os.environ["CHAOS_FLAGS"])


def install():
    from kombu.transport.redis import Channel

    put = Channel._put

    def _put(self, queue, message, **kwargs):
        if os.environ.get("CHAOS_ROLE") == "web" and (FLAGS / "die").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        put(self, queue, message, **kwargs)
        if (FLAGS / "twice").exists():
            again = {**message, "properties": {**message["properties"], "delivery_tag": str(uuid.uuid4())}}
            put(self, queue, again, **kwargs)
            with (FLAGS / "twice").open("a") as counter:
                counter.write(".")

    Channel._put = _put

    send = http.client.HTTPConnection.send

    def _send(self, data):
        if isinstance(data, bytes) and b"POISON" in data and (FLAGS / "poison").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return send(self, data)

    http.client.HTTPConnection.send = _send


install()
