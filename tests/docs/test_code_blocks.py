"""Every code block of README, CONTRIBUTING and the pages runs, and prints what the page shows."""

import re
from collections import Counter

import pytest
from code_blocks import PAGES, REPOSITORY, languages, not_run, run_blocks

# What follows the commands of a tutorial starts with nothing.
TUTORIALS = ("docs/first-score.md",)
RUN = {"python", "console", "toml"}
SHOWN = {"text"}
# Why blocks are not run, and how many. Blocks skipped by a condition run where it does not hold.
NOT_RUN = {
    '"installs packages"': 2,
    '"make runs in a checkout"': 1,
    '"needs a dask scheduler"': 2,
    '"shows official code"': 1,
}


@pytest.mark.parametrize("page", [name for name in PAGES if name not in TUTORIALS])
def test_every_block_runs(page, checkout):
    missing = [reason for reason in run_blocks(PAGES[page]) if f'"{reason}"' not in NOT_RUN]
    if missing:
        pytest.skip(f"{len(missing)} blocks were not run: {', '.join(set(missing))}")


@pytest.mark.parametrize("page", TUTORIALS)
def test_a_tutorial_works_from_nothing(page, empty_folder):
    run_blocks(PAGES[page])


def test_no_block_is_left_out_for_another_reason():
    reasons = Counter(reason for page in PAGES.values() for reason in not_run(page))
    conditions = {reason for reason in reasons if reason.startswith("if(")}
    assert all("reason=" in condition for condition in conditions)
    assert {reason: count for reason, count in reasons.items() if reason not in conditions} == NOT_RUN


@pytest.mark.parametrize("page", PAGES)
def test_no_block_is_in_a_language_that_nothing_runs(page):
    assert languages(PAGES[page]) <= RUN | SHOWN


def test_the_readme_shows_what_the_demo_prints_of_baselines(demo):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```text\n(react2024@1.*?)```", readme, re.DOTALL)[1]
    printed = {tuple(line.split()) for line in demo[1].splitlines()}
    told = [line for line in shown.splitlines() if line and not line.startswith(("──", "BeLFusion"))]
    assert len(told) > 5
    assert [line for line in told if tuple(line.split()) not in printed] == []
