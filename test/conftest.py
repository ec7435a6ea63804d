# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the whole suite."""

from __future__ import annotations

import os
import random
import zlib
from pathlib import Path

import pytest
from hypothesis import settings

from unsup_track_ros.cli.threads import one_thread_per_task

# Commands run inside the tests must give the bytes of commands run by themselves, and test
# processes share the cores. (BLAS, which plugins have loaded by now, is told by the Makefile.)
one_thread_per_task()

# In CI the examples are the same on every run, so that a red run is a change's own fault.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("local", deadline=None)


def _free_domain() -> int:
    """Return a domain that is drawn per run, and its own for each of up to eight processes."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(random.SystemRandom().random()))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return 1 + 8 * (zlib.crc32(run.encode()) % 12) + worker % 8


# Before anything joins a domain or imports messages: a domain that no other test process uses, on
# this machine only (above 100 the ports of a domain are among those that the kernel hands out).
os.environ["ROS_DOMAIN_ID"] = str(_free_domain())
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
# Humble always checks the types of message fields, Jazzy when asked to.
os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"

REPOSITORY = Path(__file__).resolve().parent.parent


IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
settings.load_profile("ci" if IN_CI else "local")


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings beside the checkout; their absence is a skip for people, a failure in CI."""
    folder = REPOSITORY.parent / "shared" / "data"
    if folder.is_dir():
        return folder
    reason = f"The real recordings are not there: expected the folder {folder}."
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)
