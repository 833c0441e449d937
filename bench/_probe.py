"""How long `GET /_mock/health` takes while others log in: a process of its own, so that nothing else waits.

`python -m bench._probe URL SECONDS` prints a JSON list of latencies in ms.
"""

from __future__ import annotations

import http.client
import json
import sys
import time


def main() -> None:
    url, seconds = sys.argv[1], float(sys.argv[2])
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    latencies = []
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        started = time.perf_counter()
        connection.request("GET", "/_mock/health")
        connection.getresponse().read()
        latencies.append((time.perf_counter() - started) * 1_000)
        time.sleep(0.005)
    connection.close()
    print(json.dumps(latencies))


if __name__ == "__main__":
    main()
