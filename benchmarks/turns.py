"""Cases that are compared take turns, so that each meets the same changes of the machine's speed.

The speed changes from one second to the next, in a cloud by a quarter and more. Two loads of a few
seconds, one after the other, would differ by that alone. If they alternate, both meet the changes.
"""

from collections.abc import Callable, Generator, Mapping

from benchmarks.load import BenchError

# By quantity; quantities that the machine does not tell are left out.
type Sample = dict[str, float]

# One case: each `next()` runs one turn, while the others wait. It returns what it measured.
type Turns = Generator[None, None, Sample]


def take_turns(
    cases: Mapping[str, Turns], show: Callable[[str], None]
) -> dict[str, Sample | BenchError]:
    """Run the cases to their ends: a turn of each, then the next one of each in the opposite
    order, so that none always follows the same one.

    Args:
        cases: by name.
        show: gets the name of each case whose turn it is.

    Returns:
        The sample of each case, or why it could not be measured: a case that fails, for example
        because the machine is too busy, loses only its own figures.
    """
    outcomes: dict[str, Sample | BenchError] = {}
    waiting = list(cases)
    try:
        while waiting:
            for name in tuple(waiting):
                show(name)
                outcome = _turn(cases[name])
                if outcome is not None:
                    outcomes[name] = outcome
                    waiting.remove(name)
            waiting.reverse()
    finally:
        for case in cases.values():
            case.close()
    return outcomes


def _turn(case: Turns) -> Sample | BenchError | None:
    """What came of the last turn; None if there are more."""
    try:
        next(case)
    except StopIteration as end:
        sample: Sample = end.value
        return sample
    except BenchError as reason:
        return reason
    return None
