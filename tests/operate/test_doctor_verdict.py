"""The doctor's last line: whether all is well, and if not, what to mend."""

import pytest

from shared.operate.doctor import Finding, verdict

SETTINGS, NOTE = Finding("settings"), Finding("note: this is worth knowing")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([SETTINGS, NOTE, Finding("table calls")], "doctor: all 2 checks passed"),
        (
            [SETTINGS, NOTE, Finding("table calls", "create it"), Finding("issuer 1", "mend it")],
            "doctor: 2 of 3 checks failed: table calls, issuer 1",
        ),
        (
            [Finding("setting AUTH_ISSUER", "is missing"), Finding("setting A", "is missing")],
            "doctor: wrong settings, so nothing else was checked: AUTH_ISSUER, A",
        ),
    ],
)
def test_the_verdict_counts_checks_and_no_notes(found: list[Finding], said: str) -> None:
    assert verdict(found) == said
