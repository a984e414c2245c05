"""Scoring from threads, processes and servers gives the bits of scoring alone, and nothing aborts or hangs."""

import asyncio
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from oracles.examples import example

from react_eval import score_arrays

DATA = example(6, clips=5, reactions=2, constant=(4,))
PROTOCOL = ["react2024", "corrected"]
TIMES = 8

score = partial(score_arrays, **DATA, protocol=PROTOCOL)


def text(result):
    """What is byte-stable of a result."""
    return json.dumps({name: each["scores"] for name, each in result.to_dict().items()})


@cache
def alone():
    return text(score(threads=1))


def test_from_threads_at_once():
    together = threading.Barrier(TIMES)

    def in_thread(_number):
        together.wait()
        return text(score())

    with ThreadPoolExecutor(TIMES) as pool:
        assert list(pool.map(in_thread, range(TIMES))) == [alone()] * TIMES


def test_from_threads_at_once_that_have_to_compile(tmp_path):
    script = """
import pickle, sys, threading
from concurrent.futures import ThreadPoolExecutor
from react_eval import score_arrays

data = pickle.loads(sys.stdin.buffer.read())
together = threading.Barrier(4)

def scored(_number):
    together.wait()
    return dict(score_arrays(**data, metrics=["FRDiv", "FRVar", "FRDvs"]))

with ThreadPoolExecutor(4) as pool:
    first, *others = pool.map(scored, range(4))
assert others == [first] * 3
"""
    run(script, NUMBA_CACHE_DIR=str(tmp_path))
    assert any(tmp_path.rglob("*.nbi"))


def test_from_spawned_processes():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = [pool.submit(score) for _ in range(3)]
        assert [text(each.result(timeout=120)) for each in results] == [alone()] * 3


FORKING = """
import json, os, pickle, sys
from react_eval import score_arrays

def text():
    results = score_arrays(**data, protocol=["react2024", "corrected"], threads=3)
    return json.dumps({name: each["scores"] for name, each in results.to_dict().items()})

data = pickle.loads(sys.stdin.buffer.read())
before = text()
reader, writer = os.pipe()
if os.fork() == 0:
    with open(writer, "w") as out:
        out.write(text())
    os._exit(0)
os.close(writer)
with open(reader) as answer:
    child = answer.read()
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert child == before == text()
print(before, end="")
"""


def run(script, **environment):
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(DATA),
        env=os.environ | environment,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_from_a_forked_child_after_scoring_in_its_parent():
    assert run(FORKING) == alone()


class Scoring(BaseHTTPRequestHandler):
    """Answers every request with scores."""

    def do_GET(self):
        answer = text(score()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_words):
        """Requests of a test are no news."""


@contextmanager
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Scoring) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}"
        finally:
            serving.shutdown()
            thread.join()


def test_inside_a_server_that_answers_several_at_once():
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with server() as address, ThreadPoolExecutor(TIMES) as clients:
        answers = clients.map(lambda _: direct.open(address, timeout=120).read().decode(), range(TIMES))
        assert list(answers) == [alone()] * TIMES


def test_inside_an_event_loop():
    async def several():
        return await asyncio.gather(*[asyncio.to_thread(score) for _ in range(TIMES)])

    assert [text(result) for result in asyncio.run(several())] == [alone()] * TIMES


def test_after_the_first_thread_that_scored_has_ended():
    for _ in range(2):
        thread = threading.Thread(target=score)
        thread.start()
        thread.join()
    assert text(score()) == alone()
