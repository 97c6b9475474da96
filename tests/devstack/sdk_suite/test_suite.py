"""How a run of Microsoft's tests is read: by tests of ours that take their place."""

from pathlib import Path

import pytest

from tests.devstack.sdk_suite.suite import run_suite

pytestmark = pytest.mark.emulators

TESTS = """
import os
import threading
import time

import pytest
from devtools_testutils import AzureRecordedTestCase, recorded_by_proxy
from devtools_testutils.helpers import get_test_id


class TestOurs(AzureRecordedTestCase):
    @recorded_by_proxy
    def test_passes(self):
        assert get_test_id() == "test_e2e_ours.pyTestOurstest_passes"

    async def test_passes_as_a_coroutine(self):
        threading.Thread(target=time.sleep, args=(3600,)).start()

    def test_fails(self):
        assert os.environ["SERVICE"] == "another"

    @pytest.mark.skip(reason="for once")
    def test_is_skipped(self):
        pass

    def test_has_no_fixture(self, absent):
        pass

    def test_exits(self):
        raise SystemExit

    def test_fails_at_its_end(self, request):
        request.addfinalizer(lambda: 1 / 0)
"""


@pytest.mark.slow
async def test_each_test_has_an_outcome(tmp_path: Path) -> None:
    (tmp_path / "test_e2e_ours.py").write_text(TESTS)
    (tmp_path / "test_others.py").write_text("def test_that_needs_no_service(): pass")

    run = await run_suite(tmp_path, {"SERVICE": "ours"})

    assert run.outcomes == {
        "test_e2e_ours.test_passes": "passed",
        "test_e2e_ours.test_passes_as_a_coroutine": "passed",
        "test_e2e_ours.test_fails": "failed",
        "test_e2e_ours.test_is_skipped": "skipped",
        "test_e2e_ours.test_has_no_fixture": "failed",
        "test_e2e_ours.test_exits": "failed",
        "test_e2e_ours.test_fails_at_its_end": "failed",
    }
    assert "assert 'ours' == 'another'" in run.output


@pytest.mark.slow
async def test_a_test_that_ends_its_process_does_not_pass(tmp_path: Path) -> None:
    (tmp_path / "test_e2e_ours.py").write_text("import os\ndef test_ends(): os._exit(0)\n")

    run = await run_suite(tmp_path, {})

    assert "passed" not in run.outcomes.values()
    assert "test_ends has ended without a report" in run.output
