"""The report in a real browser: it renders, its script runs without an error, and it fits wide and narrow windows."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest

import react_eval

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Off: everything that talks to the outside by itself. Root may not use the sandbox.
FLAGS = ["--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=3000"]
FLAGS += ["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr"]
FLAGS += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
# Runs after the page's own script, moves the player, and leaves what it saw in the document.
PROBE = """<script>
const slider = document.querySelector(".player input");
const before = document.querySelector(".face .mouth").getAttribute("d");
slider.value = 60; slider.dispatchEvent(new Event("input"));
const after = document.querySelector(".face .mouth").getAttribute("d");
const seen = {
  faces: document.querySelectorAll(".face svg").length,
  moved: before !== after,
  time: document.querySelector(".player output").textContent,
  overflow: document.documentElement.scrollWidth - window.innerWidth,
  fetched: performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:")).length,
};
document.body.dataset.seen = Object.entries(seen).map((pair) => pair.join("=")).join(";");
</script></body>"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian's package chromium)")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    generator = np.random.default_rng(0)
    listeners, speakers, noise = generator.random((3, 6, 120, 25), dtype=np.float32)
    predictions = np.stack([listeners, noise], axis=1)
    result = react_eval.score_arrays(
        predictions, listener=listeners, speaker=speakers, neighbours=np.eye(6, dtype=bool),
        protocol=["react2024", "corrected"], method="a method with a rather long name, as people give them",
    )  # fmt: skip
    path = tmp_path_factory.mktemp("report") / "report.html"
    result.to_html(path)
    page = path.read_text(encoding="utf-8")
    path.write_text(page.replace("</body>", PROBE), encoding="utf-8")
    return path


def look(page, width, profile):
    """What the probe saw, and what the browser complained about."""
    arguments = [
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={profile}",
        f"--window-size={width},900",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    seen = re.search(r'data-seen="([^"]*)"', done.stdout)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return dict(pair.split("=") for pair in seen[1].split(";")) if seen else {}, complaints


@pytest.mark.parametrize("width", [1200, 500])
def test_the_report_renders(report, width, tmp_path):
    seen, complaints = look(report, width, tmp_path)
    assert complaints == []
    assert seen["faces"] == str(3 * (3 + 2))
    assert seen["moved"] == "true"
    assert seen["time"] == "2.4 s"
    assert int(seen["overflow"]) <= 0
    assert seen["fetched"] == "0"
